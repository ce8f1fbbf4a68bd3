"""Pearson correlation of each affect dimension."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.functional.paired_moments import paired_moments


def pearson(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, *, weighted: bool = False
) -> Tensor:
    r"""Pearson correlation over all rows; 0, with gradient 0, where a side is constant or absent.

    .. math:: r = \frac{\operatorname{cov}(x, y)}
        {\sqrt{\operatorname{var}(x)\, \operatorname{var}(y)}}

    Args:
        prediction: Predicted values.
        target: True values; NaN marks a value that is absent.
        weight: Rows of weight 0 are skipped; a positive weight only keeps its row, unless ``weighted``.
        weighted: Whether positive weights weigh the rows in every moment.

    Shape:
        - prediction, target: (..., V)
        - weight: (...)
        - output: (V,) in float32, or float64 where ``prediction`` is

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> import torch
        >>> y = torch.tensor([[-1.0], [0.0], [1.0]])
        >>> round(pearson(3 * y + 5, y).item(), 5)
        1.0
    """
    m = paired_moments(prediction, target, weight, weighted=weighted)
    varies = m.varies_x & m.varies_y
    # Two roots, not the root of the product, which underflows first.
    scale = torch.where(varies, m.variance_x, 1.0).sqrt() * torch.where(varies, m.variance_y, 1.0).sqrt()
    return torch.where(varies, m.covariance / scale, 0.0)
