"""How far the features of a batch spread, and how much they repeat each other."""

from __future__ import annotations

import torch
from torch import Tensor

#: Under the square root, where its slope would be infinite.
_EPS = 1e-6


def variance_shortfall(features: Tensor, *, deviation: float = 1.0) -> Tensor:
    r"""Mean over features of how far their standard deviation falls short of a wanted one.

    .. math:: \frac{1}{D} \sum_j \max\left(0,\; \gamma - \sqrt{\mathrm{var}_j + 10^{-6}}\right)

    Args:
        features: Rows; fewer than two have no spread and give 0.
        deviation: :math:`\gamma`.

    Shape:
        - features: (N, D)
        - output: ()

    References:
        Adrien Bardes, Jean Ponce, Yann LeCun. VICReg: Variance-Invariance-Covariance Regularization for
        Self-Supervised Learning. ICLR 2022. arXiv:2105.04906.

    Examples:
        >>> import torch
        >>> round(variance_shortfall(torch.tensor([[-1.0, 0.0], [1.0, 0.0]])).item(), 4)
        0.4995
    """
    centred = _centred(features)
    variance = centred.square().sum(0) / max(1, len(centred) - 1)
    short = torch.relu(deviation - (variance + _EPS).sqrt()).mean()
    return short if len(centred) > 1 else 0.0 * short


def covariance_penalty(features: Tensor) -> Tensor:
    r"""Squares of the covariances between different features, over the number of features.

    .. math:: \frac{1}{D} \sum_{i \neq j} \mathrm{cov}_{ij}^2

    Args:
        features: Rows; fewer than two have no covariance and give 0.

    Shape:
        - features: (N, D)
        - output: ()

    References:
        As for :func:`variance_shortfall`.

    Examples:
        >>> import torch
        >>> covariance_penalty(torch.tensor([[-1.0, -1.0], [1.0, 1.0]])).item()
        4.0
    """
    centred = _centred(features)
    with torch.autocast(centred.device.type, enabled=False):
        covariance = centred.T @ centred / max(1, len(centred) - 1)
    own = covariance.diagonal().square().sum()
    return (covariance.square().sum() - own) / centred.shape[1]


def _centred(features: Tensor) -> Tensor:
    rows = features.to(torch.promote_types(features.dtype, torch.float32))
    return rows - rows.sum(0) / max(1, len(rows))
