"""What a head on CLIP learns, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from torchmetrics import MetricCollection

from affectkit.losses import CCCLoss, ClassificationLoss, MSELoss, PearsonLoss, VoteDistributionLoss
from affectkit.metrics import classification_metrics, dimension_metrics
from affectkit.types import Loss

Objective: TypeAlias = Literal["classification", "distribution", "mse", "pearson", "ccc"]

#: Objectives over values; the others are over classes.
VALUE_OBJECTIVES: Final = ("mse", "pearson", "ccc")
OBJECTIVES: Final = ("classification", "distribution", *VALUE_OBJECTIVES)


def objective_loss(
    objective: Objective, num_classes: int, *, label_smoothing: float = 0.0, head: str | None = None
) -> Loss:
    """The loss of an objective.

    Args:
        objective: Its name.
        num_classes: Number of classes C; not looked at by objectives over values.
        label_smoothing: Mass spread over the classes; only for ``"classification"``.
        head: Name of the head that is compared, where there are several.
    """
    match objective:
        case "classification":
            return ClassificationLoss(num_classes, label_smoothing=label_smoothing, head=head)
        case "distribution":
            return VoteDistributionLoss(head=head)
        case "mse":
            return MSELoss(head=head)
        case "pearson":
            return PearsonLoss(head=head)
        case "ccc":
            return CCCLoss(head=head)


def objective_metrics(objective: Objective, num_classes: int, axes: Sequence[str]) -> MetricCollection:
    """The usual metrics of what an objective predicts.

    Args:
        objective: Its name.
        num_classes: Number of classes C, for an objective over classes.
        axes: Names of the values, for an objective over values.
    """
    if objective in VALUE_OBJECTIVES:
        return dimension_metrics(axes)
    return classification_metrics(num_classes)
