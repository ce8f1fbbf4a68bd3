"""Attention taken from one span of tokens and given to another."""

from __future__ import annotations

import torch
from torch import Tensor


def reallocated_attention(
    attention: Tensor, over: Tensor, under: Tensor, *, threshold: float, factor: float
) -> Tensor:
    r"""Where one span draws too large a share of attention, give part of it to another span.

    With :math:`r_S = \sum_{k \in S} a_k` and a row in which
    :math:`r_{over} / (r_{over} + r_{under}) > \tau`,

    .. math::
        a_k \leftarrow c\, a_k \;(k \in over), \qquad
        a_k \leftarrow a_k \Bigl(1 + \frac{(1 - c)\, r_{over}}{r_{under}}\Bigr) \;(k \in under)

    so the row still sums to 1 and tokens outside both spans keep what they had. Other rows, and rows
    in which the second span has no attention at all, stay as they are.

    Args:
        attention: Attention after its softmax.
        over: Tokens that may be attended too much.
        under: Tokens that get what is taken.
        threshold: :math:`\tau`, the share from which on attention is moved.
        factor: c, what is left of the first span's attention.

    Shape:
        - attention: (..., K)
        - over, under: (K,) bool
        - output: (..., K)

    Raises:
        ValueError: If the spans overlap or have another length, or a number is not in [0, 1].

    Examples:
        >>> voice, face = torch.tensor([True, False, False]), torch.tensor([False, True, False])
        >>> reallocated_attention(torch.tensor([0.6, 0.2, 0.2]), voice, face, threshold=0.6, factor=0.5)
        tensor([0.3000, 0.5000, 0.2000])
    """
    if not (0 <= threshold <= 1 and 0 <= factor <= 1):
        raise ValueError(
            f"reallocated_attention got threshold={threshold} and factor={factor}: give numbers from 0 to 1."
        )
    keys = attention.shape[-1:]
    if over.shape != keys or under.shape != keys or bool((over & under).any()):
        raise ValueError(
            f"reallocated_attention got spans of shapes {tuple(over.shape)} and {tuple(under.shape)} for "
            f"{keys[0]} tokens: give one flag for each token, none in both spans."
        )
    taken_from = attention.masked_fill(~over, 0.0).sum(dim=-1, keepdim=True)
    given_to = attention.masked_fill(~under, 0.0).sum(dim=-1, keepdim=True)
    moves = (taken_from > threshold * (taken_from + given_to)) & (given_to > 0)
    # The part of a token in its span is at most 1, however little the span has: in half precision the
    # quotient of the two spans would overflow.
    part = attention / given_to.masked_fill(given_to == 0, 1.0)
    added = (1 - factor) * taken_from * part
    changed = torch.where(over, attention * factor, torch.where(under, attention + added, attention))
    return torch.where(moves, changed, attention)
