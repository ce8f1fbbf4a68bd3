"""The sums that proper scores of probabilities are made from."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from affectkit.functional import brier_rows, nll_rows
from affectkit.metrics.exact_state import ExactStateMetric
from affectkit.metrics.labelled_scores import labelled_scores


class ProbabilityMetric(ExactStateMetric, ABC):
    """A mean over rows of a score of the predicted probabilities.

    Sums are float64 and summed over ranks, so the mean is exact for any number of ranks. All subclasses hold
    the same state: in a ``MetricCollection`` they form one compute group.

    Args:
        num_classes: Number of classes C.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    #: Rows, summed Brier score, summed negative log-likelihood.
    sums: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("sums", default=torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")

    @property
    @abstractmethod
    def key(self) -> str:
        """Plain name for log keys and file names."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """Name with everything that changes the number."""

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add rows.

        Args:
            prediction: Logits (..., C).
            target: Class indices (...), -100 for a row without label.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
        """
        name = type(self).__name__
        scores, label = labelled_scores(prediction, target, weight, num_classes=self.num_classes, name=name)
        count = scores.new_tensor(len(label))
        self.sums += torch.stack([count, brier_rows(scores, label).sum(), nll_rows(scores, label).sum()])
