"""Accuracy of values in bins, with neighbours counted as right."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.functional import value_bins
from affectkit.metrics.exact_state import ExactStateMetric
from affectkit.types import IGNORE_LABEL


class BinAccuracy(ExactStateMetric):
    r"""Share of values whose bin is the true one, or at most ``tolerance`` bins away.

    .. math:: \frac1N \sum_i [\, |b(x_i) - b(y_i)| \le \tau \,]

    over all annotated values of all dimensions, with the equal bins :math:`b` of
    :func:`~affectkit.functional.value_bins`.

    Args:
        num_dims: Number of affect dimensions V.
        num_bins: Number of bins of each.
        low: Lowest value of the scale.
        high: Highest value of the scale.
        tolerance: Bins by which a prediction may be off.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> accuracy = BinAccuracy(1, num_bins=4, low=-1, high=1, tolerance=1)
        >>> accuracy.update(torch.tensor([[0.9], [-0.9]]), torch.tensor([[0.4], [0.4]]))
        >>> accuracy.key, accuracy.compute().item()
        ('bin_accuracy_within_1', 0.5)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    counts: Tensor

    def __init__(self, num_dims: int, *, num_bins: int, low: float, high: float, tolerance: int = 0) -> None:
        super().__init__()
        if num_dims < 1 or not 0 <= tolerance < num_bins:
            raise ValueError(
                f"BinAccuracy got num_dims={num_dims}, num_bins={num_bins}, tolerance={tolerance}: give at "
                "least one dimension and a tolerance below the number of bins."
            )
        value_bins(torch.zeros(0), num_bins, low=low, high=high)
        self.num_dims = num_dims
        self.num_bins = num_bins
        self.low = low
        self.high = high
        self.tolerance = tolerance
        # right ones, and all
        self.add_state("counts", default=torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")

    @property
    def key(self) -> str:
        """E.g. ``bin_accuracy_within_1``."""
        return "bin_accuracy" + (f"_within_{self.tolerance}" if self.tolerance else "")

    @property
    def protocol(self) -> str:
        """E.g. ``bin_accuracy[bins=7,within=1]``."""
        return f"bin_accuracy[bins={self.num_bins},within={self.tolerance}]"

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add rows.

        Args:
            prediction: Values (..., V).
            target: Values (..., V), NaN = absent.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.

        Raises:
            ValueError: If shapes do not match.
        """
        if prediction.shape != target.shape or prediction.shape[-1:] != (self.num_dims,):
            raise ValueError(
                f"BinAccuracy got predictions {tuple(prediction.shape)} and targets {tuple(target.shape)}; "
                f"give both as (..., {self.num_dims})."
            )
        found, truth = (
            value_bins(values.detach(), self.num_bins, low=self.low, high=self.high)
            for values in (prediction, target)
        )
        counted = truth != IGNORE_LABEL
        if weight is not None:
            counted = counted & (weight > 0).unsqueeze(-1)
        # A prediction of NaN lies in no bin, and is wrong.
        right = counted & (found != IGNORE_LABEL) & ((found - truth).abs() <= self.tolerance)
        self.counts += torch.stack([right.sum(), counted.sum()]).to(self.counts)

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any value."""
        return self.counts[0] / self.counts[1].clamp(min=1)
