"""What Lightning wants to be told of an optimizer whose rate changes."""

from __future__ import annotations

from typing import TypedDict

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class _ScheduleConfig(TypedDict):
    scheduler: LRScheduler
    interval: str


class OptimizerConfig(TypedDict):
    """What ``configure_optimizers`` gives where the rate changes."""

    optimizer: Optimizer
    lr_scheduler: _ScheduleConfig
