"""Sign agreement."""

from __future__ import annotations

from torch import Tensor

from affectkit.metrics.paired_sums import DimensionMetric


class SAGR(DimensionMetric):
    r"""Share of values whose predicted sign is the true one (SAGR); 0 agrees with 0 alone.

    .. math:: \frac1N \sum_i [\mathrm{sign}\, \hat d_i = \mathrm{sign}\, d_i]

    It means something only on a scale whose neutral point is 0, such as [-1, 1].

    Args:
        num_dims: Number of affect dimensions V.
        dim: The one dimension to score; the mean over dimensions where None.
        num_clips: Where given, the score is the mean over clips; see :class:`DimensionMetric`.
        name: Name of ``dim``.

    Examples:
        >>> import torch
        >>> metric = SAGR(1)
        >>> metric.update(torch.tensor([[0.3], [-0.4], [0.1]]), torch.tensor([[0.9], [-0.1], [-0.2]]))
        >>> round(float(metric.compute()), 4)
        0.6667
    """

    short_name = "sagr"
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def score(self, sums: Tensor, varies: Tensor) -> Tensor:
        """Agreement of each clip and dimension (K, V)."""
        return sums[..., 7] / sums[..., 0].clamp(min=1)
