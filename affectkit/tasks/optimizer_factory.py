"""How a task makes its optimizer and learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

Schedule: TypeAlias = Literal["constant", "cosine", "linear"]


class OptimizerFactory(Protocol):
    """Parameters to an optimizer and, where the rate changes, a schedule that moves at each step."""

    @property
    def needs_total_steps(self) -> bool:
        """Whether ``total_steps`` matters; where it does not, it is given as 0."""
        ...

    def __call__(
        self, parameters: Iterable[nn.Parameter], *, total_steps: int
    ) -> tuple[Optimizer, LRScheduler | None]:
        """Make both for a training of ``total_steps`` optimizer steps."""
        ...


@dataclass(frozen=True)
class AdamWFactory:
    r"""AdamW; weight decay on matrices only; constant, cosine or linear schedule with warm-up.

    The factor on ``lr`` rises linearly over the first ``warmup`` share of all steps, then stays
    1, or falls to 0 as :math:`(1 + \cos \pi p) / 2` or :math:`1 - p`.

    Args:
        lr: Highest learning rate.
        weight_decay: Decoupled weight decay; biases and normalisation scales are left alone.
        schedule: What happens after the warm-up.
        warmup: Share of all steps in [0, 1).

    Raises:
        ValueError: If a number is out of range or the schedule has another name.

    References:
        I. Loshchilov, F. Hutter. Decoupled Weight Decay Regularization. ICLR 2019. arXiv 1711.05101.

    Examples:
        >>> from torch import nn
        >>> optimizer, schedule = AdamWFactory(lr=1e-3)(nn.Linear(2, 2).parameters(), total_steps=10)
        >>> [group["weight_decay"] for group in optimizer.param_groups], schedule
        ([0.01, 0.0], None)
    """

    lr: float = 1e-3
    weight_decay: float = 0.01
    schedule: Schedule = "constant"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if not self.lr > 0.0 or not self.weight_decay >= 0.0 or not 0.0 <= self.warmup < 1.0:
            raise ValueError(
                f"AdamWFactory got lr={self.lr}, weight_decay={self.weight_decay}, warmup={self.warmup}: "
                "give lr > 0, weight_decay >= 0 and warmup in [0, 1)."
            )
        if self.schedule not in ("constant", "cosine", "linear"):
            raise ValueError(
                f"AdamWFactory got schedule={self.schedule!r}: give 'constant', 'cosine' or 'linear'."
            )

    @property
    def needs_total_steps(self) -> bool:
        """Whether the schedule depends on the length of the training."""
        return self.schedule != "constant" or self.warmup > 0.0

    def __call__(
        self, parameters: Iterable[nn.Parameter], *, total_steps: int
    ) -> tuple[Optimizer, LRScheduler | None]:
        """Make the optimizer and, where ``lr`` changes, its schedule."""
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = AdamW([group for group in groups if group["params"]], lr=self.lr)
        if not self.needs_total_steps:
            return optimizer, None
        return optimizer, LambdaLR(optimizer, lambda step: self.factor(step, total_steps=total_steps))

    def factor(self, step: int, *, total_steps: int) -> float:
        """Share of ``lr`` at a step."""
        rising = round(self.warmup * total_steps)
        if step < rising:
            return (step + 1) / (rising + 1)
        if self.schedule == "constant":
            return 1.0
        done = min(1.0, (step - rising) / max(1, total_steps - rising))
        return 0.5 * (1.0 + math.cos(math.pi * done)) if self.schedule == "cosine" else 1.0 - done
