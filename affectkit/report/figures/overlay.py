"""Pictures, and beside each where in it something speaks for a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.report.figures.style import figure_style

_SIDE: Final = 1.75
_COLOURS: Final = "inferno"


class OverlayLine(NamedTuple):
    """One picture of the figure.

    Attributes:
        caption: Stands above it.
        picture: (H, W, 3), from 0 to 1.
        panels: What stands above each panel beside it, and the relevance (h, w) of its places.
    """

    caption: str
    picture: NDArray[np.float64]
    panels: Sequence[tuple[str, NDArray[np.float64]]]


def overlay_figure(lines: Sequence[OverlayLine], *, title: str) -> Figure:
    """Draw each picture, and beside it its places in grey under a heat of their relevance.

    The heat of each panel ends at its own greatest relevance; one without any stays grey.

    Args:
        lines: Pictures, each with as many panels as it needs.
        title: Heading of the figure.

    Raises:
        ValueError: If there is no picture.
    """
    if not lines:
        raise ValueError("A figure of overlays got no picture: give at least one.")
    columns = 1 + max(len(line.panels) for line in lines)
    with figure_style():
        figure = Figure(figsize=(_SIDE * columns, (_SIDE + 0.35) * len(lines) + 0.4), layout="constrained")
        grid = figure.subplots(len(lines), columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for row, line in zip(grid, lines, strict=True):
            row[0].imshow(line.picture, interpolation="nearest")
            row[0].set_title(line.caption, fontsize=7.5, fontweight="normal", loc="left")
            for axes, (caption, relevance) in zip(row[1:], line.panels):
                _panel(axes, caption, line.picture, relevance)
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def _panel(axes: Axes, caption: str, picture: NDArray[np.float64], relevance: NDArray[np.float64]) -> None:
    height, width = picture.shape[:2]
    place = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(picture.mean(-1), cmap="gray", vmin=0, vmax=1, extent=place)
    greatest = float(relevance.max())
    if greatest > 0:
        heat = relevance / greatest
        axes.imshow(heat, cmap=_COLOURS, vmin=0, vmax=1, alpha=0.6, extent=place, interpolation="bilinear")
    words = caption if greatest > 0 else f"{caption}: nothing"
    axes.set_title(words, fontsize=7.5, fontweight="normal", loc="left")
