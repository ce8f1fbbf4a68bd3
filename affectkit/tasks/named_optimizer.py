"""Optimizers by name, from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.optimizer_factory import OptimizerFactory
from affectkit.tasks.rate_schedule import Schedule
from affectkit.tasks.sgd_factory import SGDFactory

OptimizerName: TypeAlias = Literal["adamw", "sgd"]


def named_optimizer(
    name: OptimizerName,
    *,
    lr: float,
    weight_decay: float,
    schedule: Schedule,
    warmup: float,
    warmup_factor: float | None,
    milestones: tuple[float, ...],
    rates: Mapping[str, float],
) -> OptimizerFactory:
    """Make the factory of an optimizer; ``warmup_factor`` matters to ``"sgd"`` alone.

    Raises:
        ValueError: If there is no such optimizer, or a number is out of range.
    """
    if name not in ("adamw", "sgd"):
        raise ValueError(f"there is no optimizer {name!r}: give 'adamw' or 'sgd'.")
    if name == "adamw":
        return AdamWFactory(lr, weight_decay, schedule, warmup, milestones, rates)
    return SGDFactory(
        lr,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup=warmup,
        warmup_factor=warmup_factor,
        milestones=milestones,
        rates=rates,
    )
