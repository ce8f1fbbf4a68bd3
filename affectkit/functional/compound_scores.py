"""Chances of compound emotions from those of basic ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

CompoundRule: TypeAlias = Literal["product", "sum", "min"]
COMPOUND_RULES: Final = ("product", "sum", "min")


def compound_scores(
    logits: Tensor, pairs: Sequence[tuple[int, int]], *, rule: CompoundRule = "product"
) -> Tensor:
    r"""Score of each pair of basic emotions, from their probabilities :math:`p`.

    =============  =====================================
    ``"product"``  :math:`\log (p_a\, p_b)`
    ``"sum"``      :math:`\log \frac{p_a + p_b}{2}`
    ``"min"``      :math:`\log \min(p_a, p_b)`
    =============  =====================================

    The softmax of the scores is the rule's result, normalised over the compounds.

    Args:
        logits: Scores of C basic emotions.
        pairs: Indices a and b of each of K compounds, e.g. of :func:`~affectkit.labels.compound_pairs`.
        rule: ``"product"``, ``"sum"`` or ``"min"``.

    Shape:
        - logits: (..., C)
        - output: (..., K), float32 or wider

    Raises:
        ValueError: If there is no pair, an index is none of the classes, or the rule is unknown.

    Examples:
        >>> basic = torch.tensor([0.5, 0.3, 0.2]).log()
        >>> [round(v, 2) for v in compound_scores(basic, [(0, 1), (1, 2)], rule="sum").exp().tolist()]
        [0.4, 0.25]
    """
    if rule not in COMPOUND_RULES:
        raise ValueError(f"compound_scores got rule={rule!r}: give {' or '.join(map(repr, COMPOUND_RULES))}.")
    places = torch.tensor(list(pairs), dtype=torch.int64, device=logits.device)
    classes = logits.shape[-1]
    if places.ndim != 2 or places.shape[1] != 2 or int(places.min()) < 0 or int(places.max()) >= classes:
        raise ValueError(
            f"compound_scores got pairs={list(pairs)} for {classes} classes: give at least one pair of "
            f"indices in 0..{classes - 1}."
        )
    # Logarithms throughout: the product of two small chances is no zero.
    chances = torch.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)
    first, second = chances[..., places[:, 0]], chances[..., places[:, 1]]
    if rule == "product":
        return first + second
    if rule == "min":
        return torch.minimum(first, second)
    return torch.logaddexp(first, second) - torch.log(first.new_tensor(2.0))
