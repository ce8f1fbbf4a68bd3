"""The loss of categories and dimensions together, by names."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from affectkit.labels import LabelSpace
from affectkit.losses import (
    CCCLoss,
    ClassificationLoss,
    MSELoss,
    MultilabelLoss,
    PearsonLoss,
    UncertaintyWeightedSum,
    VoteDistributionLoss,
    WeightedSum,
)
from affectkit.types import Loss

DimensionLoss: TypeAlias = Literal["ccc", "ccc_mixed", "mse", "pearson"]
TaskWeights: TypeAlias = Literal["static", "uncertainty"]

#: Names of the two terms in the log.
CATEGORIES: Final = "emotion"
DIMENSIONS: Final = "dimensions"


def joint_loss(
    categories: Loss, dimension_loss: DimensionLoss, *, weights: TaskWeights, dimension_weight: float
) -> Loss:
    """Sum of a loss over categories and one over dimensions.

    Args:
        categories: Loss over categories, see :func:`category_loss`.
        dimension_loss: ``"ccc"``; ``"ccc_mixed"`` with the moments of Emotion-GCN's code; ``"mse"`` or
            ``"pearson"``.
        weights: ``"static"``, or ``"uncertainty"``: learnt.
        dimension_weight: Static weight of the dimensions; that of the categories is 1.

    Raises:
        ValueError: If a static weight is given with learnt ones, or it is negative.
    """
    dimensions = _dimension_loss(dimension_loss)
    parts: dict[str, Loss] = {CATEGORIES: categories, DIMENSIONS: dimensions}
    if weights == "uncertainty":
        if dimension_weight != 1.0:
            raise ValueError(
                f"the weights of categories and dimensions are learnt (task_weights='uncertainty'), but "
                f"dimension_weight={dimension_weight} is given: leave it out, or set task_weights to "
                "'static'."
            )
        squares = [DIMENSIONS] if dimension_loss == "mse" else []
        return UncertaintyWeightedSum(parts, regressions=squares)
    if dimension_weight < 0:
        raise ValueError(f"dimension_weight is {dimension_weight}: give 0 or more.")
    return WeightedSum(parts, {DIMENSIONS: dimension_weight})


def category_loss(
    space: LabelSpace, *, label_smoothing: float, votes: bool = False
) -> ClassificationLoss | MultilabelLoss | VoteDistributionLoss:
    """Cross entropy over one label a row, or binary cross entropy where a row may have several.

    Args:
        space: The categories.
        label_smoothing: Mass spread over the classes.
        votes: Whether rows of one label are compared with ``Target.distribution`` instead.

    Raises:
        ValueError: If labels of several a row are to be smoothed.
    """
    if space.kind != "multilabel":
        if votes:
            return VoteDistributionLoss()
        return ClassificationLoss(len(space), label_smoothing=label_smoothing)
    if label_smoothing:
        raise ValueError(
            f"label_smoothing={label_smoothing} spreads one label over the others, but {space.name!r} allows "
            "several: set it to 0."
        )
    return MultilabelLoss()


def _dimension_loss(name: DimensionLoss) -> Loss:
    match name:
        case "ccc":
            return CCCLoss()
        case "ccc_mixed":
            return CCCLoss(mixed_moments=True)
        case "mse":
            return MSELoss()
        case "pearson":
            return PearsonLoss()
