from __future__ import annotations

import math

import pytest
import torch

from affectkit.functional import thin_plate_weights

GENERATOR = torch.Generator().manual_seed(0)
SITES = torch.rand(9, 2, generator=GENERATOR, dtype=torch.float64) * 2 - 1
POINTS = torch.rand(20, 2, generator=GENERATOR, dtype=torch.float64) * 2 - 1
VALUES = torch.randn(9, generator=GENERATOR, dtype=torch.float64)


def test_values_at_the_sites_and_planes_are_kept() -> None:
    torch.testing.assert_close(
        thin_plate_weights(SITES, SITES), torch.eye(9, dtype=torch.float64), rtol=0, atol=1e-9
    )
    plane = thin_plate_weights(SITES, POINTS) @ (SITES @ torch.tensor([2.0, -3.0]).double() + 0.5)
    torch.testing.assert_close(plane, POINTS @ torch.tensor([2.0, -3.0]).double() + 0.5, rtol=0, atol=1e-9)


def test_it_is_a_plane_and_a_sum_of_kernels_whose_moments_vanish() -> None:
    # Solved for the values, as the spline is written down, and not for the points.
    def kernel(one: list[float], other: list[float]) -> float:
        distance = math.dist(one, other)
        return distance**2 * math.log(distance) if distance else 0.0

    rows = [[kernel(one, other) for other in SITES.tolist()] + [1.0, *one] for one in SITES.tolist()] + [
        [*column, 0.0, 0.0, 0.0] for column in ([1.0] * 9, *SITES.T.tolist())
    ]
    right = torch.cat([VALUES, torch.zeros(3, dtype=torch.float64)])
    found = torch.linalg.solve(torch.tensor(rows, dtype=torch.float64), right).tolist()
    expected = [
        sum(weight * kernel(point, site) for weight, site in zip(found, SITES.tolist()))
        + found[9]
        + found[10] * point[0]
        + found[11] * point[1]
        for point in POINTS.tolist()
    ]
    assert (thin_plate_weights(SITES, POINTS) @ VALUES).tolist() == pytest.approx(expected, abs=1e-9)


def test_sites_that_span_no_plane_are_refused() -> None:
    line = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    twice = torch.cat([SITES, SITES[:1]])
    for wrong in (line, twice, SITES[:2]):
        with pytest.raises(ValueError, match="three different ones that span the plane"):
            thin_plate_weights(wrong, POINTS)
