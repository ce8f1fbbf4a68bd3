"""States that keep their precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from torch import Tensor
from torchmetrics import Metric


class ExactStateMetric(Metric):
    """A metric whose states stay float64 whatever the precision of the module around it.

    torchmetrics guards its states against ``.half()``, but not against ``.to(torch.bfloat16)``, which is how
    a Lightning trainer converts a task to bf16-true.

    Note:
        A device without float64 (Apple's MPS) cannot hold such states: keep the metric on the CPU.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Self:
        def keep_dtype(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        super()._apply(keep_dtype, exclude_state)
        return self
