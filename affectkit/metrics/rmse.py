"""Root mean square error."""

from __future__ import annotations

from torch import Tensor

from affectkit.metrics.paired_sums import DimensionMetric


class RMSE(DimensionMetric):
    r"""Root of the mean square error of each dimension, then averaged over dimensions.

    .. math:: \sqrt{\frac1N \sum_i (\hat d_i - d_i)^2}

    Args:
        num_dims: Number of affect dimensions V.
        dim: The one dimension to score; the mean over dimensions where None.
        num_clips: Where given, the score is the mean over clips; see :class:`DimensionMetric`.
        name: Name of ``dim``.

    Examples:
        >>> import torch
        >>> metric = RMSE(1)
        >>> metric.update(torch.tensor([[0.3], [0.4]]), torch.tensor([[0.0], [0.0]]))
        >>> round(float(metric.compute()), 4)
        0.3536
    """

    higher_is_better = False
    short_name = "rmse"
    plot_lower_bound = 0.0

    def score(self, sums: Tensor, varies: Tensor) -> Tensor:
        """Error of each clip and dimension (K, V)."""
        return (sums[..., 6] / sums[..., 0].clamp(min=1)).sqrt()
