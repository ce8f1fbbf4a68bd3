"""The counts that every metric of a multi-label task is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torchmetrics import Metric


class LabelCountsMetric(Metric, ABC):
    """A score of yes-or-no answers, several a row, that is a function of each label's counts.

    Counts are integers and are summed over ranks, so a score is exact for any number of ranks. All
    subclasses of one threshold hold the same state: in a ``MetricCollection`` they form one compute
    group.

    Args:
        num_labels: Number of labels C.
        threshold: A prediction above it is a yes: 0 for logits, 0.5 for probabilities.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    #: (C, 2, 2): label, truth, answer.
    counts: Tensor

    def __init__(self, num_labels: int, *, threshold: float = 0.0) -> None:
        super().__init__()
        if num_labels < 1:
            raise ValueError(f"{type(self).__name__} got num_labels={num_labels}; give 1 or more.")
        self.num_labels = num_labels
        self.threshold = threshold
        # A MetricCollection shares the state of metrics whose states look alike after one batch; the
        # threshold among the states keeps metrics with different thresholds apart.
        self.add_state("threshold_used", default=torch.tensor(threshold), dist_reduce_fx="max")
        zeros = torch.zeros(num_labels, 2, 2, dtype=torch.int64)
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")

    @property
    @abstractmethod
    def key(self) -> str:
        """Plain name for log keys and file names."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """Name with everything that changes the number."""

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Count the annotated entries.

        Args:
            prediction: Scores (..., C).
            target: 0/1 (..., C), NaN = not annotated.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.

        Raises:
            ValueError: If shapes do not match.
        """
        if prediction.shape != target.shape or prediction.shape[-1:] != (self.num_labels,):
            raise ValueError(
                f"{type(self).__name__} got predictions {tuple(prediction.shape)} and targets "
                f"{tuple(target.shape)}; give both as (..., {self.num_labels})."
            )
        annotated = ~target.isnan()
        if weight is not None:
            annotated = annotated & (weight > 0).unsqueeze(-1)
        yes = (target > 0.5).reshape(-1, self.num_labels)
        said = (prediction > self.threshold).reshape(-1, self.num_labels)
        annotated = annotated.reshape(-1, self.num_labels)
        for truth in (False, True):
            for guess in (False, True):
                cell = annotated & (yes == truth) & (said == guess)
                self.counts[:, int(truth), int(guess)] += cell.sum(0)
