"""Balanced accuracy of each label of a multi-label task."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class BalancedAccuracyPerLabel(Metric):
    """Mean of the true positive and true negative rate, per label, then averaged over labels.

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

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    counts: Tensor

    def __init__(self, num_labels: int, *, threshold: float = 0.0, reduced: bool = True) -> None:
        super().__init__()
        if num_labels < 1:
            raise ValueError(f"BalancedAccuracyPerLabel got num_labels={num_labels}; give 1 or more.")
        self.num_labels = num_labels
        self.threshold = threshold
        # A MetricCollection shares the state of metrics whose states look alike after one batch; the
        # threshold among the states keeps metrics with different thresholds apart.
        self.add_state("threshold_used", default=torch.tensor(threshold), dist_reduce_fx="max")
        self.reduced = reduced
        zeros = torch.zeros(num_labels, 2, 2, dtype=torch.int64)
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")

    @property
    def key(self) -> str:
        """``balanced_accuracy``, or ``balanced_accuracy_per_label`` where not reduced."""
        return "balanced_accuracy" if self.reduced else "balanced_accuracy_per_label"

    @property
    def protocol(self) -> str:
        """E.g. ``balanced_accuracy[threshold=0,mean]``."""
        return f"balanced_accuracy[threshold={self.threshold:g},{'mean' if self.reduced else 'per_label'}]"

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Count the annotated entries; see the class for shapes."""
        if prediction.shape != target.shape or prediction.shape[-1:] != (self.num_labels,):
            raise ValueError(
                f"BalancedAccuracyPerLabel got predictions {tuple(prediction.shape)} and targets "
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

    def compute(self) -> Tensor:
        """Mean over labels, or the score of each."""
        rows = self.counts.sum(2)
        rates = self.counts.diagonal(dim1=1, dim2=2).double() / rows.clamp(min=1)
        sides = (rows > 0).sum(1)
        scores = rates.sum(1) / sides.clamp(min=1)
        if self.reduced:
            return scores.sum() / (sides > 0).sum().clamp(min=1)
        return torch.where(sides > 0, scores, torch.nan)
