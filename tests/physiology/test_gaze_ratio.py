"""Share of gaze inside a region, with blinks and regions that move."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.physiology import GazeRatio

GAZE = torch.rand(3, 40, 2, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
GAZE[0, 3:9, 0] = torch.nan
GAZE[1] = torch.nan
BOXES = torch.rand(3, 40, 4, generator=torch.Generator().manual_seed(1))
BOXES[..., 2:] = BOXES[..., :2] + 0.3
BOXES[2, 5] = torch.nan


def naive(gaze: list[list[float]], boxes: list[list[float]], *, skip: bool) -> float:
    known = inside = 0
    for (x, y), (left, top, right, bottom) in zip(gaze, boxes, strict=True):
        if math.isnan(x) or math.isnan(y):
            continue
        known += 1
        if left <= x <= right and top <= y <= bottom:
            inside += 1
    if not known:
        return math.nan
    return inside / (known if skip else len(gaze))


@pytest.mark.parametrize("skip", [True, False])
def test_it_equals_a_loop_over_samples(skip: bool) -> None:
    module = GazeRatio((0.1, 0.2, 0.9, 0.8), blinks="skip" if skip else "outside")
    still, moving = module(GAZE), module(GAZE, BOXES)
    for row, gaze in enumerate(GAZE.tolist()):
        expected = naive(gaze, [[0.1, 0.2, 0.9, 0.8]] * 40, skip=skip)
        assert still[row].item() == pytest.approx(expected, rel=1e-6, nan_ok=True)
        expected = naive(gaze, BOXES[row].tolist(), skip=skip)
        assert moving[row].item() == pytest.approx(expected, rel=1e-6, nan_ok=True)
    assert math.isnan(still[1]) and 0 < still[0] < 1


def test_edges_belong_to_the_frame() -> None:
    assert GazeRatio()(torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.001, 0.5]])).item() == pytest.approx(2 / 3)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="left < right"):
        GazeRatio((0.5, 0.0, 0.5, 1.0))
    with pytest.raises(ValueError, match=r"gaze of shape \(4, 3\)"):
        GazeRatio()(torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"a region of shape \(2, 4\)"):
        GazeRatio()(torch.zeros(5, 2), torch.zeros(2, 4))
