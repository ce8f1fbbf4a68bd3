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


def named_metric_loss(
    name: MetricObjective, *, margin: float, temperature: float, view: str | None = None
) -> Loss | None:
    """A loss over distances between vectors of equal and of different labels, by name; None for ``"none"``.

    Args:
        name: Which one.
        margin: Margin of the triplets.
        temperature: Temperature of the contrast.
        view: Which view of the output is compared; None = the embedding.

    Raises:
        ValueError: If there is no such loss, or a number is out of range.
    """
    if name not in get_args(MetricObjective):
        known = ", ".join(map(repr, get_args(MetricObjective)))
        raise ValueError(f"there is no metric loss {name!r}: give one of {known}.")
    match name:
        case "none":
            return None
        case "triplet_batch_hard":
            return TripletMarginLoss(margin, mining="batch_hard", view=view)
        case "triplet_semi_hard":
            return TripletMarginLoss(margin, mining="semi_hard", view=view)
        case "triplet_batch_all":
            return TripletMarginLoss(margin, mining="batch_all", view=view)
        case "supervised_contrastive":
            views = () if view is None else (view,)
            return SupervisedContrastiveLoss(temperature=temperature, views=views)


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
    metric = named_metric_loss(name, margin=margin, temperature=temperature)
    if weight < 0:
        raise ValueError(f"metric_weight is {weight}: give 0 or more.")
    if metric is None:
        return classification
    return WeightedSum({CLASSIFICATION: classification, METRIC: metric}, {METRIC: weight})
