"""Shares of the cells of a plane around a point."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_cells(points: Tensor, centres: Tensor, *, bandwidth: float) -> Tensor:
    r"""Share of each cell, falling with the distance of its centre: :math:`q_k \propto e^{-d_k^2 / 2h^2}`.

    Args:
        points: Points on the plane, or of any number of axes A.
        centres: Centres of the K cells.
        bandwidth: h, in units of the axes.

    Shape:
        - points: (..., A)
        - centres: (K, A)
        - output: (..., K), summing to 1, in float32, or float64 where ``points`` are

    Examples:
        >>> import torch
        >>> cells = torch.tensor([[-0.5, 0.0], [0.5, 0.0]])
        >>> gaussian_cells(torch.tensor([0.0, 0.7]), cells, bandwidth=0.35).tolist()
        [0.5, 0.5]
    """
    points = points.to(torch.promote_types(points.dtype, torch.float32))
    square = (points.unsqueeze(-2) - centres.to(points.dtype)).square().sum(-1)
    return (-square / (2 * bandwidth**2)).softmax(-1)
