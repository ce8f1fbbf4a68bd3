"""Pictures side by side, each with a line below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.report.figures.style import figure_style


def contact_sheet_figure(
    pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], *, title: str = "", columns: int = 5
) -> Figure:
    """Draw pictures in rows, in their order.

    Args:
        pictures: Pixels, each (H, W, 3).
        captions: A line for each.
        title: Heading of the figure.
        columns: Pictures in a row.

    Raises:
        ValueError: If there is no picture, or not a caption for each.
    """
    if not pictures or len(pictures) != len(captions) or columns < 1:
        raise ValueError(
            f"A contact sheet got {len(pictures)} pictures, {len(captions)} captions and {columns} columns: "
            "give at least one picture, and a caption for each."
        )
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    with figure_style():
        figure = Figure(figsize=(1.5 * columns, 1.75 * rows + 0.4), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, pixels, caption in zip(grid.flat, pictures, captions, strict=False):
            axes.imshow(pixels, interpolation="nearest")
            axes.set_title(caption, fontsize=7, fontweight="normal", loc="center")
        figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure
