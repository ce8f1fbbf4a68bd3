"""The picture of embeddings says how compact classes are, on one scale for all models."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from affectkit.report.figures import embedding_figure
from affectkit.report.figures.embedding import class_shape, principal_plane

LABEL = np.repeat(np.arange(3), 20)
NAMES = ("calm", "joy", "surprise")


def rows(spread: float) -> NDArray[np.float64]:
    generator = np.random.default_rng(0)
    middles = np.eye(6)[:3]
    return np.asarray(middles[LABEL] + spread * generator.standard_normal((60, 6)))


def test_numbers_are_those_of_all_dimensions() -> None:
    figure = embedding_figure(
        {"before": rows(0.4), "after": rows(0.1)}, LABEL, NAMES, marked=("joy", "surprise")
    )
    figure.canvas.draw()
    texts = [axes.texts[0].get_text().splitlines() for axes in figure.axes]
    for lines, found in zip(texts, (rows(0.4), rows(0.1)), strict=True):
        unit = found / np.linalg.norm(found, axis=1, keepdims=True)
        joy, surprise = unit[LABEL == 1], unit[LABEL == 2]
        spread = np.square(joy - joy.mean(0)).sum(1).mean()
        apart = np.linalg.norm(joy.mean(0) - surprise.mean(0))
        assert lines == [
            f"spread of joy: {spread:.3f}",
            lines[1],
            f"means of joy and surprise: {apart:.3f} apart",
        ]


def test_panels_share_a_scale_and_only_marked_classes_have_an_ellipse() -> None:
    figure = embedding_figure({"before": rows(0.4), "after": rows(0.1)}, LABEL, NAMES, marked=("joy",))
    widths = [np.ptp(axes.get_xlim()) for axes in figure.axes] + [
        np.ptp(axes.get_ylim()) for axes in figure.axes
    ]
    np.testing.assert_allclose(widths, widths[0])
    for axes in figure.axes:
        assert len([patch for patch in axes.patches if isinstance(patch, Ellipse)]) == 1
        assert sum(len(np.asarray(points.get_offsets())) for points in axes.collections) == 60


def test_the_plane_keeps_distances_of_flat_data_and_is_turned_the_same_way() -> None:
    flat = np.zeros((9, 5))
    flat[:, :2] = np.random.default_rng(1).standard_normal((9, 2))
    plane = principal_plane(flat)
    expected = np.linalg.norm(flat[0] - flat[5])
    assert np.linalg.norm(plane[0] - plane[5]) == pytest.approx(expected)
    np.testing.assert_allclose(principal_plane(flat + 3.0), plane, atol=1e-9)


def test_a_class_without_rows_has_no_shape() -> None:
    assert class_shape(rows(0.1), LABEL, 7) is None
    with pytest.raises(ValueError, match="wrong: glee"):
        embedding_figure({"a": rows(0.1)}, LABEL, NAMES, marked=("glee",))
    with pytest.raises(ValueError, match="wrong: a"):
        embedding_figure({"a": rows(0.1)[:3]}, LABEL, NAMES)
