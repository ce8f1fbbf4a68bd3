"""A metric loss beside the classification, by name."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from affectkit.losses import SupervisedContrastiveLoss, TripletMarginLoss, WeightedSum
from affectkit.types import Loss

MetricObjective: TypeAlias = Literal[
    "none", "triplet_batch_hard", "triplet_semi_hard", "triplet_batch_all", "supervised_contrastive"
]

#: Names of the two terms in the log.
CLASSIFICATION: Final = "emotion"
METRIC: Final = "metric"


def with_metric_loss(
    classification: Loss, name: MetricObjective, *, weight: float, margin: float, temperature: float
) -> Loss:
    """Add a loss over distances between embeddings to one over classes.

    Args:
        classification: What is there already.
        name: Which loss is added; ``"none"`` adds none.
        weight: Its weight; that of the classification is 1.
        margin: Margin of the triplets.
        temperature: Temperature of the contrast.

    Raises:
        ValueError: If there is no such loss, or a number is out of range.
    """
    if name not in get_args(MetricObjective):
        known = ", ".join(map(repr, get_args(MetricObjective)))
        raise ValueError(f"there is no metric loss {name!r}: give one of {known}.")
    if weight < 0:
        raise ValueError(f"metric_weight is {weight}: give 0 or more.")
    metric: Loss
    match name:
        case "none":
            return classification
        case "triplet_batch_hard":
            metric = TripletMarginLoss(margin, mining="batch_hard")
        case "triplet_semi_hard":
            metric = TripletMarginLoss(margin, mining="semi_hard")
        case "triplet_batch_all":
            metric = TripletMarginLoss(margin, mining="batch_all")
        case "supervised_contrastive":
            metric = SupervisedContrastiveLoss(temperature=temperature)
    return WeightedSum({CLASSIFICATION: classification, METRIC: metric}, {METRIC: weight})
