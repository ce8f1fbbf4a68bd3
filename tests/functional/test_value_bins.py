"""Values to bins and back."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.functional import bin_centres, value_bins


def naive(value: float, bins: int, low: float, high: float) -> int:
    if math.isnan(value):
        return -100
    edges = [low + (high - low) * place / bins for place in range(1, bins)]
    return sum(value >= edge for edge in edges)


@pytest.mark.parametrize(("bins", "low", "high"), [(4, -1.0, 1.0), (7, 1.0, 5.0), (2, 0.0, 1.0)])
def test_bins_as_by_hand(bins: int, low: float, high: float) -> None:
    values = torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # A tenth beyond the scale on either side.
    values = torch.cat([low + (high - low) * (1.2 * values - 0.1), torch.tensor([low, high, math.nan])])
    found = value_bins(values.reshape(7, 29), bins, low=low, high=high)
    assert found.shape == (7, 29) and found.dtype == torch.int64
    assert found.flatten().tolist() == [naive(float(value), bins, low, high) for value in values]


def test_a_centre_lies_in_its_bin() -> None:
    centres = bin_centres(7, low=1, high=5)
    assert value_bins(centres, 7, low=1, high=5).tolist() == list(range(7))
    assert float(centres[0] - 1) == pytest.approx(float(5 - centres[-1])) == pytest.approx(2 / 7)


@pytest.mark.parametrize(("bins", "low", "high"), [(1, 0.0, 1.0), (3, 1.0, 1.0)])
def test_what_cannot_be_told_apart_is_refused(bins: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match="at least two, and low < high"):
        value_bins(torch.zeros(1), bins, low=low, high=high)
    with pytest.raises(ValueError, match="at least two, and low < high"):
        bin_centres(bins, low=low, high=high)
