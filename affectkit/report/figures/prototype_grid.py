"""Prototype grid: where its samples lie, which cells were filled, and how alike its prototypes are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from affectkit.distill import VAPrototypeGrid
from affectkit.distill.prototype_grid import nearest_full
from affectkit.report.figures.style import INK, MUTED, PALETTE, SEQUENTIAL, figure_style

#: Beyond so many cells along an axis their counts are not written into them.
_MAX_NUMBERS = 9
_DIVERGING = LinearSegmentedColormap.from_list("unlike_to_alike", [PALETTE[1], "white", PALETTE[0]])


def prototype_grid_figure(
    grid: VAPrototypeGrid,
    anchors: Mapping[str, tuple[float, float]] | None = None,
    *,
    title: str = "Prototypes of valence and arousal",
) -> Figure:
    """Draw the cells with their counts, the places of classes, and the cosines between prototypes.

    A hatched cell has no sample; an arrow comes from the cell whose prototype it was given. In the matrix
    the cells stand in their order, those of one valence within a frame, arousal rising inside it.

    Args:
        grid: The grid.
        anchors: Valence and arousal, in -1..1, of each class that is to be shown.
        title: Heading of the figure.
    """
    with figure_style():
        figure = Figure(figsize=(11.0, 4.9), layout="constrained")
        plane, matrix = figure.subplots(1, 2)
        _draw_plane(figure, plane, grid, anchors or {})
        plane.set_title(title)
        _draw_matrix(figure, matrix, grid)
        matrix.set_title("Cosine between prototypes")
        figure.supxlabel(f"{grid.origin}; version {grid.version}", fontsize=7, color=MUTED)
    return figure


def _draw_plane(
    figure: Figure, axes: Axes, grid: VAPrototypeGrid, anchors: Mapping[str, tuple[float, float]]
) -> None:
    cells = grid.cells
    counts: NDArray[np.int64] = grid.counts.numpy().reshape(cells, cells)
    width = 2 / cells
    # Valence is the slow axis of the grid and the horizontal one of the picture.
    image = axes.imshow(
        counts.T,
        origin="lower",
        extent=(-1, 1, -1, 1),
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=max(int(counts.max()), 1),
    )
    figure.colorbar(image, ax=axes, shrink=0.8, label="samples")
    centres = grid.centres.tolist()
    sources = nearest_full(grid.counts, cells).tolist()
    for cell, (valence, arousal) in enumerate(centres):
        count = int(grid.counts[cell])
        if count == 0:
            corner = (valence - width / 2, arousal - width / 2)
            axes.add_patch(
                Rectangle(corner, width, width, fill=False, hatch="///", edgecolor=MUTED, linewidth=0)
            )
            axes.add_patch(
                FancyArrowPatch(
                    tuple(centres[sources[cell]]),
                    (valence, arousal),
                    arrowstyle="-|>",
                    mutation_scale=9,
                    linewidth=1.0,
                    color=PALETTE[1],
                    shrinkA=4,
                    shrinkB=0,
                )
            )
        elif cells <= _MAX_NUMBERS:
            dark = count > 0.45 * counts.max()
            # In the lower left corner, since anchors and arrows lie anywhere but seldom there.
            axes.text(
                valence - 0.45 * width,
                arousal - 0.45 * width,
                str(count),
                ha="left",
                va="bottom",
                fontsize=7,
                color="white" if dark else INK,
            )
    for name, (valence, arousal) in anchors.items():
        axes.plot([valence], [arousal], "o", color=INK, markersize=4, zorder=3)
        # Names run towards the middle, so that none leaves the picture, and clear of the counts below.
        lift = -12 if arousal > 0.85 else 13 if arousal < -0.85 else 3
        axes.annotate(
            name,
            (valence, arousal),
            xytext=(-5 if valence > 0.3 else 5, lift),
            textcoords="offset points",
            ha="right" if valence > 0.3 else "left",
            fontsize=8,
            zorder=4,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
        )
    edges = np.linspace(-1, 1, cells + 1)
    for edge in edges:
        axes.axhline(edge, color="white", linewidth=0.8)
        axes.axvline(edge, color="white", linewidth=0.8)
    axes.set(xlabel="valence", ylabel="arousal", xlim=(-1, 1), ylim=(-1, 1))


def _draw_matrix(figure: Figure, axes: Axes, grid: VAPrototypeGrid) -> None:
    rows: NDArray[np.float32] = grid.prototypes.numpy()
    image = axes.imshow(rows @ rows.T, cmap=_DIVERGING, vmin=-1, vmax=1, origin="lower")
    figure.colorbar(image, ax=axes, shrink=0.8)
    cells = grid.cells
    for block in range(cells):
        start = block * cells - 0.5
        axes.add_patch(Rectangle((start, start), cells, cells, fill=False, edgecolor=INK, linewidth=0.8))
    middle = [block * cells + (cells - 1) / 2 for block in range(cells)]
    names = [f"{value:g}" for value in np.round(grid.centres[::cells, 0].numpy(), 2)]
    axes.set_xticks(middle, names)
    axes.set_yticks(middle, names)
    axes.tick_params(length=0)
    axes.set(xlabel="valence of the cell", ylabel="valence of the cell")
