"""The emotion of whoever answers, as the target of a turn."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL, Target


def answered_target(target: Target, place: Tensor) -> Target:
    """Give each turn the target of the turn at ``place``; without one, it has no target and weight 0.

    Shape:
        - target: of conversations, (B, U) and (B, U, V).
        - place: (B, U) int64, -1 = none; see :func:`~affectkit.functional.answering_turn`.

    Examples:
        >>> target = Target(label=torch.tensor([[4, 2, 6]]), weight=torch.ones(1, 3))
        >>> moved = answered_target(target, torch.tensor([[1, 2, -1]]))
        >>> moved.label.tolist(), moved.weight.tolist()
        ([[2, 6, -100]], [[1.0, 1.0, 0.0]])
    """
    found = place >= 0
    rows = place.clamp(min=0)

    def moved(values: Tensor, absent: float) -> Tensor:
        if values.dim() == 2:
            return values.gather(1, rows).masked_fill(~found, absent)
        index = rows.unsqueeze(-1).expand(-1, -1, values.shape[-1])
        return values.gather(1, index).masked_fill(~found.unsqueeze(-1), absent)

    def maybe(values: Tensor | None, absent: float) -> Tensor | None:
        return None if values is None else moved(values, absent)

    return Target(
        label=maybe(target.label, IGNORE_LABEL),
        dims=maybe(target.dims, torch.nan),
        distribution=maybe(target.distribution, torch.nan),
        multilabel=maybe(target.multilabel, torch.nan),
        extra=None
        if target.extra is None
        else {
            name: moved(values, torch.nan if values.is_floating_point() else IGNORE_LABEL)
            for name, values in target.extra.items()
        },
        weight=maybe(target.weight, 0.0),
    )
