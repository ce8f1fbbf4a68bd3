"""Brier score."""

from __future__ import annotations

from torch import Tensor

from affectkit.metrics.probability_sums import ProbabilityMetric


class BrierScore(ProbabilityMetric):
    r"""Mean over rows of the squared distance between probabilities and truth: 0 to 2, lower is better.

    .. math:: \frac1N \sum_i \sum_c (p_{ic} - [y_i = c])^2

    Args:
        num_classes: Number of classes C.

    References:
        Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review, 1950.

    Examples:
        >>> import torch
        >>> score = BrierScore(2)
        >>> score.update(torch.tensor([[0.8, 0.2]]).log(), torch.tensor([0]))
        >>> round(score.compute().item(), 6)
        0.08
    """

    @property
    def key(self) -> str:
        """``brier``."""
        return "brier"

    @property
    def protocol(self) -> str:
        """``brier[sum over classes]``."""
        return "brier[sum over classes]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return self.sums[1] / self.sums[0].clamp(min=1)
