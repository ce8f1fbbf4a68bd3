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
    decay: float = 0.1,
    nesterov: bool = False,
) -> OptimizerFactory:
    """Make the factory of an optimizer; ``"sgd"`` alone has ``warmup_factor``, ``decay`` and ``nesterov``.

    Raises:
        ValueError: If there is no such optimizer, or a number is out of range.
    """
    if name not in ("adamw", "sgd"):
        raise ValueError(f"there is no optimizer {name!r}: give 'adamw' or 'sgd'.")
    if name == "adamw":
        if nesterov or decay != 0.1:
            raise ValueError(
                f"adamw got nesterov={nesterov}, decay={decay}, which it does not have: use optimizer 'sgd'."
            )
        return AdamWFactory(lr, weight_decay, schedule, warmup, milestones, rates)
    return SGDFactory(
        lr,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup=warmup,
        warmup_factor=warmup_factor,
        milestones=milestones,
        rates=rates,
        decay=decay,
        nesterov=nesterov,
    )
