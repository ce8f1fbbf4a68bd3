"""Accuracy of values in bins."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.metrics import BinAccuracy


@pytest.mark.parametrize("tolerance", [0, 1, 2])
def test_against_a_loop(tolerance: int) -> None:
    generator = torch.Generator().manual_seed(0)
    found, truth = (torch.rand(40, 2, generator=generator) for _ in range(2))
    truth[3, 0] = math.nan
    found[4, 1] = math.nan
    weight = (torch.arange(40) % 5 != 0).float()
    metric = BinAccuracy(2, num_bins=5, low=0, high=1, tolerance=tolerance)
    metric.update(found[:15], truth[:15], weight[:15])
    metric.update(found[15:].reshape(5, 5, 2), truth[15:].reshape(5, 5, 2), weight[15:].reshape(5, 5))
    right, number = 0, 0
    for row in range(40):
        for axis in range(2):
            if weight[row] and not truth[row, axis].isnan():
                number += 1
                if not found[row, axis].isnan():
                    right += abs(int(5 * found[row, axis]) - int(5 * truth[row, axis])) <= tolerance
    assert float(metric.compute()) == pytest.approx(right / number, abs=1e-12)
    assert 0 < right < number


def test_names_and_refusals() -> None:
    assert BinAccuracy(1, num_bins=7, low=0, high=1).key == "bin_accuracy"
    assert BinAccuracy(1, num_bins=7, low=0, high=1, tolerance=2).protocol == "bin_accuracy[bins=7,within=2]"
    nothing = BinAccuracy(1, num_bins=7, low=0, high=1)
    nothing.update(torch.zeros(3, 1), torch.full((3, 1), math.nan))
    assert float(nothing.compute()) == 0.0
    with pytest.raises(ValueError, match="tolerance=7"):
        BinAccuracy(1, num_bins=7, low=0, high=1, tolerance=7)
    with pytest.raises(ValueError, match="give both as"):
        BinAccuracy(2, num_bins=7, low=0, high=1).update(torch.zeros(3, 1), torch.zeros(3, 1))
