"""Cross entropy against the distribution of annotators' votes."""

from __future__ import annotations

import torch
from torch import Tensor


def has_votes(distribution: Tensor) -> Tensor:
    """Rows (...) of ``distribution`` (..., C) that hold at least one vote and no NaN."""
    # NaN > 0 is False, so a row with a NaN has a NaN sum and falls out.
    return distribution.sum(-1) > 0


def vote_cross_entropy_rows(logits: Tensor, distribution: Tensor) -> Tensor:
    r"""Cross entropy of each row against its votes, normalised to sum to 1; 0 where there are none.

    .. math:: \ell = -\sum_c \frac{v_c}{\sum_k v_k} \log p_c

    Args:
        logits: Scores before the softmax.
        distribution: Votes or probabilities :math:`v`; NaN in a row, or all 0, marks it absent.

    Shape:
        - logits: (..., C)
        - distribution: (..., C)
        - output: (...) in float32, or float64 where ``logits`` are

    Examples:
        >>> import torch
        >>> vote_cross_entropy_rows(torch.zeros(1, 2), torch.tensor([[3.0, 1.0]])).tolist()
        [0.6931471824645996]
    """
    voted = has_votes(distribution).unsqueeze(-1)
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    scores = scores.masked_fill(~voted, 0.0)
    votes = distribution.to(scores.dtype)
    shares = torch.where(voted, votes / votes.sum(-1, keepdim=True), 0.0)
    return -(shares * scores.log_softmax(-1)).sum(-1)
