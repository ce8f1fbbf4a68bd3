"""Scaled cosines between features and class vectors."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def cosine_logits(features: Tensor, anchors: Tensor, scale: Tensor | float) -> Tensor:
    r"""Cosine of each feature with each class vector, times ``scale``: :math:`z_c = s \cos(v, t_c)`.

    A feature of length 0 gives 0.

    Args:
        features: Features v.
        anchors: Class vectors t.
        scale: :math:`s`, one over the temperature.

    Shape:
        - features: (..., D)
        - anchors: (C, D)
        - output: (..., C)

    Examples:
        >>> import torch
        >>> cosine_logits(torch.tensor([[2.0, 0.0]]), torch.eye(2), 100.0).tolist()
        [[100.0, 0.0]]
    """
    return scale * F.linear(F.normalize(features, dim=-1), F.normalize(anchors, dim=-1))
