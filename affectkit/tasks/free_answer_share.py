"""How often what a model wrote by itself is right, or no answer at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from affectkit.types import IGNORE_LABEL


class FreeAnswerShare(Metric):
    """Share of free answers that name the right label, or of refusals, over all labelled rows.

    A refusal names no label, or several. It is never right.

    Args:
        of: ``"right"`` or ``"refused"``.

    Examples:
        >>> metric = FreeAnswerShare("right")
        >>> metric.update([2, None, 0, 1], torch.tensor([2, 0, 0, -100]))
        >>> round(metric.compute().item(), 3)
        0.667
    """

    is_differentiable = False
    full_state_update = False
    hits: Tensor
    rows: Tensor

    def __init__(self, of: Literal["right", "refused"]) -> None:
        super().__init__()
        self.of: Literal["right", "refused"] = of
        for name in ("hits", "rows"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, answers: Sequence[int | None], label: Tensor, weight: Tensor | None = None) -> None:
        """Add rows: what each answer named (None = a refusal), and the labels."""
        real = (torch.ones_like(label, dtype=torch.float32) if weight is None else weight).tolist()
        for answer, right, counts in zip(answers, label.tolist(), real, strict=True):
            if right == IGNORE_LABEL or not counts:
                continue
            self.rows += 1
            self.hits += answer is None if self.of == "refused" else answer == right

    def compute(self) -> Tensor:
        """Share over all ranks; NaN where there is no row."""
        return self.hits / self.rows
