"""The confusion counts that every classification metric is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torchmetrics import Metric

from affectkit.functional import confusion_counts


class ConfusionMetric(Metric, ABC):
    """A score that is a function of the confusion counts.

    The counts are integers and are summed over ranks, so the score is exact for any number of
    ranks, empty ones included. All subclasses hold the same state: in a ``MetricCollection`` they
    form one compute group and the counts are made once per batch.

    Args:
        num_classes: Number of classes C.
    """

    is_differentiable = False
    higher_is_better: bool | None = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    counts: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"{type(self).__name__} got num_classes={num_classes}; give 1 or more.")
        self.num_classes = num_classes
        zeros = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")

    @property
    @abstractmethod
    def key(self) -> str:
        """Plain name for log keys and file names, e.g. ``weighted_f1``."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """Name with everything that changes the number, e.g. ``f1[weighted]``."""

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Count rows.

        Args:
            prediction: Logits (..., C) or class indices (...).
            target: Class indices (...), -100 for a row without label.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
        """
        self.counts += confusion_counts(prediction, target, num_classes=self.num_classes, weight=weight)


class ConfusionCounts(ConfusionMetric):
    r"""The counts themselves, (C, C) int64, rows = truth.

    .. math:: N_{ab} = |\{i : y_i = a, \hat y_i = b\}|

    Args:
        num_classes: Number of classes C.

    Examples:
        >>> import torch
        >>> counts = ConfusionCounts(2)
        >>> counts.update(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))
        >>> counts.compute().tolist()
        [[1, 1], [0, 1]]
    """

    higher_is_better = None

    @property
    def key(self) -> str:
        """``confusion``."""
        return "confusion"

    @property
    def protocol(self) -> str:
        """``confusion[rows=truth]``."""
        return "confusion[rows=truth]"

    def compute(self) -> Tensor:
        """Counts (C, C)."""
        return self.counts.clone()
