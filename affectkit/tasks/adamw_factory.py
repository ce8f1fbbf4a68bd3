"""AdamW with a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from affectkit.tasks.parameter_groups import parameter_groups
from affectkit.tasks.rate_schedule import RateSchedule, Schedule


@dataclass(frozen=True)
class AdamWFactory:
    r"""AdamW; weight decay on matrices only; rates by name; a schedule with warm-up.

    Args:
        lr: Highest learning rate.
        weight_decay: Decoupled weight decay; biases and normalisation scales are left alone.
        schedule: What happens after the warm-up; see :class:`RateSchedule`.
        warmup: Share of all steps in [0, 1) over which the rate rises.
        milestones: Progress at which the schedule ``"step"`` divides the rate by ten.
        rates: Pattern of parameter names -> highest learning rate; see :func:`parameter_groups`.

    Raises:
        ValueError: If a number is out of range or the schedule has another name.

    References:
        I. Loshchilov, F. Hutter. Decoupled Weight Decay Regularization. ICLR 2019. arXiv 1711.05101.

    Examples:
        >>> from torch import nn
        >>> optimizer, schedule = AdamWFactory(lr=1e-3)(nn.Linear(2, 2).named_parameters(), total_steps=10)
        >>> [group["weight_decay"] for group in optimizer.param_groups], schedule
        ([0.01, 0.0], None)
    """

    lr: float = 1e-3
    weight_decay: float = 0.01
    schedule: Schedule = "constant"
    warmup: float = 0.0
    milestones: tuple[float, ...] = (0.5, 0.75)
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (
            not self.lr > 0.0
            or not self.weight_decay >= 0.0
            or not all(rate > 0 for rate in self.rates.values())
        ):
            raise ValueError(
                f"AdamWFactory got lr={self.lr}, weight_decay={self.weight_decay}, rates={dict(self.rates)}: "
                "give rates > 0 and weight_decay >= 0."
            )
        _ = self._schedule

    @property
    def _schedule(self) -> RateSchedule:
        return RateSchedule(self.schedule, self.warmup, milestones=tuple(self.milestones))

    @property
    def needs_total_steps(self) -> bool:
        """Whether the schedule depends on the length of the training."""
        return self._schedule.needs_total_steps

    def __call__(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, total_steps: int
    ) -> tuple[Optimizer, LRScheduler | None]:
        """Make the optimizer and, where the rate changes, its schedule."""
        groups = parameter_groups(parameters, lr=self.lr, weight_decay=self.weight_decay, rates=self.rates)
        optimizer = AdamW([dict(group) for group in groups], lr=self.lr)
        return optimizer, self._schedule.scheduler(optimizer, total_steps=total_steps)
