"""How the learning rate moves over a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

Schedule: TypeAlias = Literal["constant", "cosine", "linear", "step"]


@dataclass(frozen=True)
class RateSchedule:
    r"""Share of the highest learning rate at each optimizer step.

    The share rises linearly over the first ``warmup`` share of all steps, or stays at
    ``warmup_factor`` there. Then it stays 1, or with the progress :math:`p` from 0 to 1 falls as
    :math:`(1 + \cos \pi p) / 2`, as :math:`1 - p`, or by ``decay`` at each of ``milestones``.

    Args:
        schedule: What happens after the warm-up.
        warmup: Share of all steps in [0, 1).
        warmup_factor: Share of the rate during the warm-up, in (0, 1]; None rises linearly.
        milestones: Progress after the warm-up at which ``"step"`` falls, each in (0, 1), ascending.
        decay: What the rate is multiplied by at a milestone, in (0, 1].

    Raises:
        ValueError: If a number is out of range or the schedule has another name.

    Examples:
        >>> schedule = RateSchedule("step", milestones=(0.5, 0.75))
        >>> [round(schedule.factor(step, total_steps=4), 3) for step in range(4)]
        [1.0, 1.0, 0.1, 0.01]
    """

    schedule: Schedule = "constant"
    warmup: float = 0.0
    warmup_factor: float | None = None
    milestones: tuple[float, ...] = (0.5, 0.75)
    decay: float = 0.1

    def __post_init__(self) -> None:
        if self.schedule not in ("constant", "cosine", "linear", "step"):
            raise ValueError(
                f"RateSchedule got schedule={self.schedule!r}: give 'constant', 'cosine', 'linear' or 'step'."
            )
        if not 0.0 <= self.warmup < 1.0 or not 0.0 < self.decay <= 1.0:
            raise ValueError(
                f"RateSchedule got warmup={self.warmup}, decay={self.decay}: give warmup in [0, 1) and decay "
                "in (0, 1]."
            )
        if self.warmup_factor is not None and not 0.0 < self.warmup_factor <= 1.0:
            raise ValueError(
                f"RateSchedule got warmup_factor={self.warmup_factor}: give a share of the rate in (0, 1]."
            )
        if list(self.milestones) != sorted(self.milestones) or not all(0 < at < 1 for at in self.milestones):
            raise ValueError(
                f"RateSchedule got milestones={self.milestones}: give ascending shares in (0, 1)."
            )

    @property
    def needs_total_steps(self) -> bool:
        """Whether the schedule depends on the length of the training."""
        return self.schedule != "constant" or self.warmup > 0.0

    def factor(self, step: int, *, total_steps: int) -> float:
        """Share of the rate at a step."""
        rising = round(self.warmup * total_steps)
        if step < rising:
            return (step + 1) / (rising + 1) if self.warmup_factor is None else self.warmup_factor
        done = min(1.0, (step - rising) / max(1, total_steps - rising))
        match self.schedule:
            case "constant":
                return 1.0
            case "cosine":
                return 0.5 * (1.0 + math.cos(math.pi * done))
            case "linear":
                return 1.0 - done
            case "step":
                return math.prod((self.decay for at in self.milestones if done >= at), start=1.0)

    def scheduler(self, optimizer: Optimizer, *, total_steps: int) -> LRScheduler | None:
        """Make the schedule of an optimizer; None where its rate never changes."""
        if not self.needs_total_steps:
            return None
        return LambdaLR(optimizer, lambda step: self.factor(step, total_steps=total_steps))
