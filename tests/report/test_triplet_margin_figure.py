"""The picture of margins shows where each hinge closes and which way each form pushes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray

from affectkit.report.figures import triplet_margin_figure


def curve(axes: Axes, name: str) -> NDArray[np.float64]:
    (line,) = [line for line in axes.lines if line.get_label() == name]
    return np.asarray(line.get_xydata())


def test_the_fixed_margin_stops_and_the_published_one_pulls() -> None:
    figure = triplet_margin_figure(positive_distance=0.5, margin=0.3)
    figure.canvas.draw()
    loss, published_loss, slope, published_slope = figure.axes
    fixed = curve(loss, "fixed, 0.3")
    assert fixed[0, 1] == pytest.approx(0.8)
    assert (fixed[fixed[:, 0] > 0.801, 1] == 0).all() and (fixed[fixed[:, 0] < 0.799, 1] > 0).all()
    steps = curve(slope, "fixed, 0.3")
    assert set(np.unique(steps[:, 1])) == {-1.0, 0.0}
    rescaled = curve(slope, "adaptive, rescaled by 0.2")
    assert set(np.unique(rescaled[:, 1])) == {-0.5, 0.0}
    pulls = curve(published_slope, "adaptive, as published")
    assert pulls[0, 1] < 0 < pulls[-1, 1]
    # The sheet's numbers: -0.28 at 0.1, 7.5 at 1.
    found = np.interp([0.1, 1.0], pulls[:, 0], pulls[:, 1])
    np.testing.assert_allclose(found, [-0.28, 7.5], rtol=0.02)
    assert (curve(published_loss, "adaptive, as published")[:, 1] > 2).all()
