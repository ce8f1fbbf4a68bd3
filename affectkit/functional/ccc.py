"""Concordance correlation coefficient of each affect dimension."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.functional.paired_moments import paired_moments


def ccc(
    prediction: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    weighted: bool = False,
    mixed_moments: bool = False,
) -> Tensor:
    r"""Concordance correlation coefficient over all rows, with population moments.

    .. math:: \mathrm{CCC} = \frac{2 \operatorname{cov}(x, y)}
        {\operatorname{var}(x) + \operatorname{var}(y) + (\bar x - \bar y)^2}

    A dimension whose targets are constant, or absent, has no concordance: 0, with gradient 0.

    Args:
        prediction: Predicted values.
        target: True values; NaN marks a value that is absent.
        weight: Rows of weight 0 are skipped; a positive weight only keeps its row, unless ``weighted``.
        weighted: Whether positive weights weigh the rows in every moment.
        mixed_moments: Whether the variances are divided by N - 1 and the covariance by N, as in the
            official code of Emotion-GCN. Perfect agreement is then (N - 1) / N. Only without ``weighted``,
            where N is no number of rows.

    Shape:
        - prediction, target: (..., V)
        - weight: (...)
        - output: (V,) in float32, or float64 where ``prediction`` is

    Raises:
        ValueError: If the shapes differ, or both options are chosen.

    References:
        Lawrence I-Kuei Lin. A Concordance Correlation Coefficient to Evaluate Reproducibility.
        Biometrics 45(1), 1989.

    Examples:
        >>> import torch
        >>> y = torch.tensor([[-1.0], [0.0], [1.0]])
        >>> ccc(y, y).item(), ccc(-y, y).item(), ccc(torch.ones(3, 1), y).item()
        (1.0, -1.0, 0.0)
    """
    if weighted and mixed_moments:
        raise ValueError(
            "ccc got weighted=True with mixed_moments=True, whose N - 1 counts rows: choose one of the two."
        )
    m = paired_moments(prediction, target, weight, weighted=weighted)
    variances = m.variance_x + m.variance_y
    if mixed_moments:
        variances = variances * m.num_rows / (m.num_rows - 1).clamp(min=1)
    spread = variances + (m.mean_x - m.mean_y).square()
    # Only the targets need checking: where they vary, the denominator is positive, and a constant
    # prediction still needs its gradient to leave that state.
    return torch.where(m.varies_y, 2 * m.covariance / torch.where(m.varies_y, spread, 1.0), 0.0)
