"""Concordance correlation coefficient."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.metrics.paired_sums import DimensionMetric, population_moments


class CCC(DimensionMetric):
    r"""Concordance correlation coefficient, pooled over all frames or within each clip.

    .. math:: \mathrm{CCC} = \frac{2 \operatorname{cov}(x, y)}
        {\operatorname{var}(x) + \operatorname{var}(y) + (\bar x - \bar y)^2}

    Moments are those of the population (ddof 0). A constant prediction or target gives 0. Pooled
    and per-clip values of the same predictions can differ widely: compare like with like.

    Args:
        num_dims: Number of affect dimensions V.
        dim: The one dimension to score; the mean over dimensions where None.
        num_clips: Where given, the score is the mean over clips; see :class:`DimensionMetric`.
        name: Name of ``dim``.

    References:
        Lawrence I-Kuei Lin. A Concordance Correlation Coefficient to Evaluate Reproducibility.
        Biometrics 45(1), 1989.

    Examples:
        >>> import torch
        >>> metric = CCC(1)
        >>> metric.update(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [1.0], [float("nan")]]))
        >>> metric.protocol, float(metric.compute())
        ('ccc[ddof=0,pooled]', 1.0)
    """

    short_name = "ccc"
    estimator = "ddof=0"
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0

    def score(self, sums: Tensor, varies: Tensor) -> Tensor:
        """CCC of each clip and dimension (K, V)."""
        shift, variance_x, variance_y, covariance = population_moments(sums)
        defined = varies.all(-1)
        spread = torch.where(defined, variance_x + variance_y + shift.square(), 1.0)
        return torch.where(defined, 2 * covariance / spread, 0.0)
