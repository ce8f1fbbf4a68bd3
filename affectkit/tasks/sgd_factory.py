"""Stochastic gradient descent with momentum and a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from affectkit.tasks.parameter_groups import parameter_groups
from affectkit.tasks.rate_schedule import RateSchedule, Schedule


@dataclass(frozen=True)
class SGDFactory:
    r"""SGD with momentum; weight decay on all parameters; rates by name; a schedule with warm-up.

    Prompt learners are published with it: a constant small rate for one epoch, then a cosine.

    Args:
        lr: Highest learning rate.
        momentum: In [0, 1).
        weight_decay: L2 penalty of every trained parameter, as in those papers.
        schedule: What happens after the warm-up; see :class:`RateSchedule`.
        warmup: Share of all steps in [0, 1).
        warmup_factor: Constant share of the rate during the warm-up; None rises linearly.
        milestones: Progress at which the schedule ``"step"`` falls.
        rates: Pattern of parameter names -> highest learning rate; see :func:`parameter_groups`.
        decay: What the rate is multiplied by at a milestone, in (0, 1].
        nesterov: Whether the momentum looks ahead (Nesterov's).

    Raises:
        ValueError: If a number is out of range or the schedule has another name.

    Examples:
        >>> from torch import nn
        >>> make = SGDFactory(lr=0.002, schedule="cosine", warmup=0.5, warmup_factor=0.005)
        >>> optimizer, schedule = make(nn.Linear(2, 2).named_parameters(), total_steps=2)
        >>> [group["lr"] for group in optimizer.param_groups]
        [1e-05]
    """

    lr: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    warmup: float = 0.0
    warmup_factor: float | None = None
    milestones: tuple[float, ...] = (0.5, 0.75)
    rates: Mapping[str, float] = field(default_factory=dict)
    decay: float = 0.1
    nesterov: bool = False

    def __post_init__(self) -> None:
        if (
            not self.lr > 0.0
            or not self.weight_decay >= 0.0
            or not all(rate > 0 for rate in self.rates.values())
        ):
            raise ValueError(
                f"SGDFactory got lr={self.lr}, weight_decay={self.weight_decay}, rates={dict(self.rates)}: "
                "give rates > 0 and weight_decay >= 0."
            )
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"SGDFactory got momentum={self.momentum}: give a number in [0, 1).")
        if self.nesterov and not self.momentum:
            raise ValueError("SGDFactory got nesterov=True with momentum=0: give a momentum above 0.")
        _ = self._schedule

    @property
    def _schedule(self) -> RateSchedule:
        return RateSchedule(
            self.schedule, self.warmup, self.warmup_factor, tuple(self.milestones), self.decay
        )

    @property
    def needs_total_steps(self) -> bool:
        """Whether the schedule depends on the length of the training."""
        return self._schedule.needs_total_steps

    def __call__(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, total_steps: int
    ) -> tuple[Optimizer, LRScheduler | None]:
        """Make the optimizer and, where the rate changes, its schedule."""
        groups = parameter_groups(
            parameters, lr=self.lr, weight_decay=self.weight_decay, rates=self.rates, decay_vectors=True
        )
        optimizer = SGD(
            [dict(group) for group in groups], lr=self.lr, momentum=self.momentum, nesterov=self.nesterov
        )
        return optimizer, self._schedule.scheduler(optimizer, total_steps=total_steps)
