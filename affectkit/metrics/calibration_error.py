"""Expected calibration error."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.functional import BinClosing, expected_calibration_error, reliability_sums
from affectkit.metrics.exact_state import ExactStateMetric
from affectkit.metrics.labelled_scores import labelled_scores


class CalibrationError(ExactStateMetric):
    r"""Mean distance between confidence and accuracy over bins of equal width (ECE).

    .. math:: \mathrm{ECE} = \sum_k \frac{n_k}{N} \left| \mathrm{acc}_k - \mathrm{conf}_k \right|

    The confidence is the largest probability. Sums of the bins are float64 and summed over ranks, so the
    number is exact for any number of ranks.

    Args:
        num_classes: Number of classes C.
        num_bins: Number of bins K; 10, 15 and 20 are in use, and change the number.
        closed: ``"right"``: a bin is (lo, hi]; ``"left"``: [lo, hi). They differ for confidences on an edge
            only, which rounded probabilities often are.

    References:
        Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
        arXiv:1706.04599.

    Examples:
        >>> import torch
        >>> error = CalibrationError(2, num_bins=10)
        >>> error.update(torch.tensor([[0.9, 0.1], [0.8, 0.2]]).log(), torch.tensor([0, 1]))
        >>> error.protocol, round(error.compute().item(), 6)
        ('ece[10 bins, right]', 0.45)
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    sums: Tensor

    def __init__(self, num_classes: int, *, num_bins: int = 15, closed: BinClosing = "right") -> None:
        super().__init__()
        nothing = torch.zeros(0)
        # The function knows which options there are; a wrong one is told before any data come.
        reliability_sums(nothing, nothing, num_bins=num_bins, closed=closed)
        self.num_classes, self.num_bins, self.closed = num_classes, num_bins, closed
        self.add_state("sums", default=torch.zeros(num_bins, 3, dtype=torch.float64), dist_reduce_fx="sum")
        # A MetricCollection shares the state of metrics whose states look alike after one batch.
        self.add_state("closes_right", default=torch.tensor(closed == "right"), dist_reduce_fx="max")

    @property
    def key(self) -> str:
        """``ece`` or ``ece_left``."""
        return "ece" if self.closed == "right" else "ece_left"

    @property
    def protocol(self) -> str:
        """E.g. ``ece[15 bins, right]``."""
        return f"ece[{self.num_bins} bins, {self.closed}]"

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add rows.

        Args:
            prediction: Logits (..., C).
            target: Class indices (...), -100 for a row without label.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
        """
        rows = labelled_scores(
            prediction, target, weight, num_classes=self.num_classes, name="CalibrationError"
        )
        self.sums += reliability_sums(
            rows.confidence, rows.correct, num_bins=self.num_bins, closed=self.closed
        )

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return expected_calibration_error(self.sums)
