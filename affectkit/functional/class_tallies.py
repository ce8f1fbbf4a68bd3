"""Scores of classes from counts that add up over rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

#: What a score makes of summed tallies (..., 3C): one number for each, NaN where there is no row.
TallyScore: TypeAlias = Callable[[Tensor], Tensor]
TallyScoreName = Literal["accuracy", "macro_f1", "uar_present", "weighted_f1"]


def class_tallies(prediction: Tensor, target: Tensor, *, num_classes: int) -> Tensor:
    """What a row adds to the right answers, the true rows and the predicted rows of each class.

    Sums of these hold all that accuracy, recall and F1 need, so that scores of many subsets of the rows
    come from one product of matrices.

    Args:
        prediction: Predicted classes.
        target: True classes.
        num_classes: Number of classes C.

    Shape:
        - prediction, target: (N,) int64
        - output: (N, 3C) float64

    Raises:
        ValueError: If shapes differ or a class is out of range.

    Examples:
        >>> import torch
        >>> class_tallies(torch.tensor([1, 1]), torch.tensor([1, 0]), num_classes=2).tolist()
        [[0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]]
    """
    fits = prediction.ndim == 1 and prediction.shape == target.shape
    if not fits or any(bool(((part < 0) | (part >= num_classes)).any()) for part in (prediction, target)):
        raise ValueError(
            f"class_tallies got predictions {tuple(prediction.shape)} and labels {tuple(target.shape)} for "
            f"{num_classes} classes: give (N,) of each, from 0 to {num_classes - 1}."
        )
    predicted, true = (
        torch.nn.functional.one_hot(part, num_classes).double() for part in (prediction, target)
    )
    return torch.cat([predicted * true, true, predicted], -1)


def accuracy_of_tallies(sums: Tensor) -> Tensor:
    """Share of right answers."""
    right, true, _ = sums.chunk(3, -1)
    return right.sum(-1) / true.sum(-1)


def uar_of_tallies(sums: Tensor) -> Tensor:
    """Mean recall of the classes that have true rows."""
    right, true, _ = sums.chunk(3, -1)
    return (right / true.clamp(min=1)).sum(-1) / (true > 0).sum(-1)


def macro_f1_of_tallies(sums: Tensor) -> Tensor:
    """Mean F1 of the classes that are true or predicted somewhere."""
    right, true, predicted = sums.chunk(3, -1)
    f1 = 2 * right / (true + predicted).clamp(min=1)
    return f1.sum(-1) / (true + predicted > 0).sum(-1)


def weighted_f1_of_tallies(sums: Tensor) -> Tensor:
    """F1 of each class, weighted by its true rows."""
    right, true, predicted = sums.chunk(3, -1)
    f1 = 2 * right / (true + predicted).clamp(min=1)
    return (f1 * true).sum(-1) / true.sum(-1)


#: By the names of the metrics that give the same numbers.
TALLY_SCORES: Final[dict[TallyScoreName, TallyScore]] = {
    "accuracy": accuracy_of_tallies,
    "macro_f1": macro_f1_of_tallies,
    "uar_present": uar_of_tallies,
    "weighted_f1": weighted_f1_of_tallies,
}
