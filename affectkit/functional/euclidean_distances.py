"""Distances between rows, in float32 at least, whose gradient is finite everywhere."""

from __future__ import annotations

import torch
from torch import Tensor


def euclidean_distances(x: Tensor, y: Tensor) -> Tensor:
    r"""Euclidean distance of every row of ``x`` from every row of ``y``.

    .. math:: d_{ij} = \lVert x_i - y_j \rVert

    The gradient is finite everywhere, 0 at a distance of 0. Above 25 rows the distances come from one matrix
    product, which rounds squared distances by the squared lengths of the rows around their mean; equal rows
    may then lie 0.0003 of these lengths apart.

    Shape:
        - x: (n, D)
        - y: (N, D)
        - output: (n, N) in float32, or float64 where ``x`` is

    Examples:
        >>> import torch
        >>> euclidean_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[5.0, 0.0]]
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    # Half precision would round a squared distance to the size of the distances compared.
    with torch.autocast(x.device.type, enabled=False):
        y = y.to(x.dtype)
        # Distances do not change with the origin, and their rounding grows with the distance from it.
        centre = y.detach().mean(0).nan_to_num(0.0, 0.0, 0.0)
        distances: Tensor = torch.cdist(x - centre, y - centre)
    return distances


def paired_distances(x: Tensor, y: Tensor) -> Tensor:
    r"""Euclidean distance of each row of ``x`` from the same row of ``y``, :math:`\lVert x_i - y_i \rVert`.

    Shape:
        - x, y: (..., D)
        - output: (...) in float32, or float64 where ``x`` is

    Examples:
        >>> import torch
        >>> paired_distances(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)).tolist()
        [5.0]
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    distances: Tensor = torch.linalg.vector_norm(x - y.to(x.dtype), dim=-1)
    return distances
