"""Accuracy, which this field also calls WAR."""

from __future__ import annotations

from torch import Tensor

from affectkit.metrics.confusion import ConfusionMetric


class Accuracy(ConfusionMetric):
    r"""Share of rows whose class is right: accuracy, weighted average recall (WAR), or WA.

    .. math:: \frac1N \sum_i [\hat y_i = y_i]

    Args:
        num_classes: Number of classes C.

    Examples:
        >>> import torch
        >>> accuracy = Accuracy(3)
        >>> accuracy.update(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, -100]))
        >>> round(float(accuracy.compute()), 4)
        0.6667
    """

    @property
    def key(self) -> str:
        """``accuracy``."""
        return "accuracy"

    @property
    def protocol(self) -> str:
        """``war``."""
        return "war"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return self.counts.diagonal().sum().double() / self.counts.sum().clamp(min=1)
