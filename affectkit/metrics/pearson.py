"""Pearson correlation."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.metrics.paired_sums import DimensionMetric, population_moments


class Pearson(DimensionMetric):
    r"""Pearson correlation, pooled over all frames or within each clip; 0 where a side is constant.

    .. math:: r = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}
        {\sqrt{\sum_i (x_i - \bar x)^2} \sqrt{\sum_i (y_i - \bar y)^2}}

    Args:
        num_dims: Number of affect dimensions V.
        dim: The one dimension to score; the mean over dimensions where None.
        num_clips: Where given, the score is the mean over clips; see :class:`DimensionMetric`.
        name: Name of ``dim``.

    Examples:
        >>> import torch
        >>> metric = Pearson(1)
        >>> metric.update(torch.tensor([[0.1], [0.2], [0.3]]), torch.tensor([[-1.0], [0.0], [1.0]]))
        >>> round(float(metric.compute()), 4)
        1.0
    """

    short_name = "pearson"
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0

    def score(self, sums: Tensor, varies: Tensor) -> Tensor:
        """Correlation of each clip and dimension (K, V)."""
        _, variance_x, variance_y, covariance = population_moments(sums)
        scale = (variance_x * variance_y).sqrt()
        defined = varies.all(-1) & ~(scale <= 0)
        return torch.where(defined, covariance / torch.where(defined, scale, 1.0), 0.0)
