"""Calibration error over bins of equally many rows."""

from __future__ import annotations

from torch import Tensor

from affectkit.functional import equal_mass_sums, expected_calibration_error
from affectkit.metrics.confidence_rows import ConfidenceRowsMetric


class AdaptiveCalibrationError(ConfidenceRowsMetric):
    r"""Mean distance between confidence and accuracy over bins that hold equally many rows.

    .. math:: \sum_k \frac{|B_k|}{N} \left|\mathrm{acc}(B_k) - \mathrm{conf}(B_k)\right|, \qquad
        |B_k| \approx \frac{N}{K}

    Args:
        num_classes: Number of classes C.
        num_bins: Number of bins K.

    References:
        Nguyen and O'Connor, Posterior Calibration and Exploratory Analysis for Natural Language Processing
        Models, EMNLP 2015, arXiv:1508.05154. The confidence of the answer is scored, not that of every class.

    Examples:
        >>> import torch
        >>> error = AdaptiveCalibrationError(2, num_bins=2)
        >>> error.update(torch.tensor([[0.9, 0.1], [0.8, 0.2]]).log(), torch.tensor([0, 1]))
        >>> error.protocol, round(error.compute().item(), 6)
        ('ece[2 bins of equal mass]', 0.45)
    """

    higher_is_better = False

    def __init__(self, num_classes: int, *, num_bins: int = 15) -> None:
        super().__init__(num_classes)
        if num_bins < 1:
            raise ValueError(f"AdaptiveCalibrationError got num_bins={num_bins}: give 1 or more.")
        self.num_bins = num_bins

    @property
    def key(self) -> str:
        """``adaptive_ece``."""
        return "adaptive_ece"

    @property
    def protocol(self) -> str:
        """E.g. ``ece[15 bins of equal mass]``."""
        return f"ece[{self.num_bins} bins of equal mass]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return expected_calibration_error(equal_mass_sums(*self.answers(), num_bins=self.num_bins))
