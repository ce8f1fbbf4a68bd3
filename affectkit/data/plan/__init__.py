"""Which sample is read when: exact, lazy, and the same for any number of processes."""

from affectkit.data.plan.cycled_order import CycledOrder
from affectkit.data.plan.epoch_plan import EpochPlan, PlanError, PlannedBatch, Shuffle, Tail
from affectkit.data.plan.length_buckets import LengthBuckets
from affectkit.data.plan.mixture_plan import MixturePlan
from affectkit.data.plan.sample_seed import sample_generator, sample_seed
from affectkit.data.plan.windowed_order import WindowedOrder

__all__ = (
    "CycledOrder",
    "EpochPlan",
    "LengthBuckets",
    "MixturePlan",
    "PlanError",
    "PlannedBatch",
    "Shuffle",
    "Tail",
    "WindowedOrder",
    "sample_generator",
    "sample_seed",
)
