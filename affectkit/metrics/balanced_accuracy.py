"""Balanced accuracy of each label of a multi-label task."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.metrics.label_counts import LabelCountsMetric


class BalancedAccuracyPerLabel(LabelCountsMetric):
    r"""Mean of the true positive and true negative rate, per label, then averaged over labels.

    .. math:: \frac1C \sum_c \frac12 \left(\frac{TP_c}{TP_c + FN_c} + \frac{TN_c}{TN_c + FP_c}\right)

    A label that has only positives (or only negatives) among its annotations is scored by that one
    rate; a label without annotations is left out of the mean.

    Args:
        num_labels: Number of labels C.
        threshold: A prediction above it is a yes: 0 for logits, 0.5 for probabilities.
        reduced: Whether ``compute`` gives the mean; otherwise each label's score, NaN without
            annotations.

    Shape:
        - prediction: (..., C) scores
        - target: (..., C) 0/1, NaN = not annotated
        - weight: (...), rows of weight 0 are skipped
        - compute: () or (C,) float64

    Examples:
        >>> import torch
        >>> metric = BalancedAccuracyPerLabel(1)
        >>> metric.update(torch.tensor([[2.0], [1.0], [-1.0]]), torch.tensor([[1.0], [0.0], [0.0]]))
        >>> float(metric.compute())
        0.75
    """

    def __init__(self, num_labels: int, *, threshold: float = 0.0, reduced: bool = True) -> None:
        super().__init__(num_labels, threshold=threshold)
        self.reduced = reduced

    @property
    def key(self) -> str:
        """``balanced_accuracy``, or ``balanced_accuracy_per_label`` where not reduced."""
        return "balanced_accuracy" if self.reduced else "balanced_accuracy_per_label"

    @property
    def protocol(self) -> str:
        """E.g. ``balanced_accuracy[threshold=0,mean]``."""
        return f"balanced_accuracy[threshold={self.threshold:g},{'mean' if self.reduced else 'per_label'}]"

    def compute(self) -> Tensor:
        """Mean over labels, or the score of each."""
        rows = self.counts.sum(2)
        rates = self.counts.diagonal(dim1=1, dim2=2).double() / rows.clamp(min=1)
        sides = (rows > 0).sum(1)
        scores = rates.sum(1) / sides.clamp(min=1)
        if self.reduced:
            return scores.sum() / (sides > 0).sum().clamp(min=1)
        return torch.where(sides > 0, scores, torch.nan)
