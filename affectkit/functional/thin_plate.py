"""The smoothest surface through values at scattered sites, as a matrix."""

from __future__ import annotations

import torch
from torch import Tensor


def thin_plate_weights(sites: Tensor, points: Tensor) -> Tensor:
    r"""Matrix W that turns values at sites into values at points: :math:`f(p_i) = \sum_e W_{ie} v_e`.

    .. math:: f(p) = a_0 + a^\top p + \sum_e w_e\, \lVert p - s_e \rVert^2 \log \lVert p - s_e \rVert

    with :math:`\sum_e w_e = 0` and :math:`\sum_e w_e s_e = 0`: the surface goes through the values, bends
    least, and is a plane wherever the values are.

    Args:
        sites: Where values are known; at least three, not on one line.
        points: Where they are wanted.

    Shape:
        - sites: (E, 2)
        - points: (P, 2)
        - output: (P, E) float64, rows summing to 1

    Raises:
        ValueError: If the sites lie on one line, or two of them at one place.

    References:
        Jean Duchon. Splines minimizing rotation-invariant semi-norms in Sobolev spaces. Constructive
        Theory of Functions of Several Variables, Lecture Notes in Mathematics 571, 1977.

    Examples:
        >>> import torch
        >>> sites = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> thin_plate_weights(sites, torch.tensor([[0.5, 0.5]])).round(decimals=6).abs().tolist()
        [[0.0, 0.5, 0.5]]
    """
    sites, points = sites.detach().double(), points.detach().double()
    plane = torch.cat([torch.ones_like(sites[:, :1]), sites], 1)
    corner = sites.new_zeros(3, 3)
    system = torch.cat([torch.cat([_kernel(sites, sites), plane], 1), torch.cat([plane.T, corner], 1)])
    apart = torch.pdist(sites)
    if torch.linalg.matrix_rank(plane) < 3 or not bool((apart > 1e-9).all()):
        raise ValueError(
            f"thin_plate_weights got {len(sites)} sites that lie on one line or partly at one place; give "
            "at least three different ones that span the plane."
        )
    wanted = torch.cat([_kernel(points, sites), torch.ones_like(points[:, :1]), points], 1)
    # The system is symmetric, so that it can be solved for the points instead of for the values.
    weights: Tensor = torch.linalg.solve(system, wanted.T)
    return weights[: len(sites)].T.contiguous()


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    square = (one.unsqueeze(1) - other.unsqueeze(0)).square().sum(-1)
    return 0.5 * torch.xlogy(square, square)
