"""What a task asks for its optimizer and learning-rate schedule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class OptimizerFactory(Protocol):
    """Named parameters to an optimizer and, where the rate changes, a schedule that moves at each step."""

    @property
    def needs_total_steps(self) -> bool:
        """Whether ``total_steps`` matters; where it does not, it is given as 0."""
        ...

    def __call__(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, total_steps: int
    ) -> tuple[Optimizer, LRScheduler | None]:
        """Make both for a training of ``total_steps`` optimizer steps."""
        ...
