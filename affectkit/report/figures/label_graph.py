"""Label graph: who is linked with whom, how strongly, and in which direction it goes."""

from __future__ import annotations

import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from affectkit.graph import LabelGraph
from affectkit.report.figures.style import INK, MUTED, PALETTE, SEQUENTIAL, figure_style

#: Beyond so many nodes a ring of names cannot be read.
_MAX_RING = 48
#: Beyond so many nodes the cells of the matrix hold no numbers.
_MAX_NUMBERS = 16
#: The colours of the lines, from what excludes each other to what goes together.
_DIVERGING = LinearSegmentedColormap.from_list("excludes_to_joins", [PALETTE[1], "white", PALETTE[0]])


def label_graph_figure(graph: LabelGraph, *, title: str = "Label graph") -> Figure:
    """Draw the links of a label graph, and the numbers that they were chosen by.

    On the ring lie the categories, inside it the dimensions; a line is as wide as its strength, blue
    where two nodes go together, orange where one excludes the other. An arrow is a link one way only, a
    dashed outline a node without any. The matrix shows the statistics where the graph has them, else the
    weights; links have a frame. Graphs of more than 48 nodes are drawn as the matrix alone.

    Args:
        graph: The graph.
        title: Heading of the figure.
    """
    size = len(graph.nodes)
    with_ring = size <= _MAX_RING
    side = max(4.6, min(12.0, 1.8 + 0.44 * size))
    with figure_style():
        figure = Figure(figsize=(2 * side if with_ring else side + 1.0, side), layout="constrained")
        axes = figure.subplots(1, 2 if with_ring else 1, squeeze=False)[0]
        if with_ring:
            _draw_ring(axes[0], graph)
            axes[0].set_title(title)
        _draw_matrix(figure, axes[-1], graph)
        axes[-1].set_title("Strengths, links framed" if graph.statistics is not None else "Weights")
        # Under an axes of its own, since a label of the whole figure runs into the names of the columns.
        axes[0].annotate(
            _wrapped(graph.origin),
            (0.0, 0.0),
            xycoords="axes fraction",
            xytext=(0, -4 if with_ring else -90),
            textcoords="offset points",
            va="top",
            fontsize=7,
            color=MUTED,
        )
    return figure


def _strengths(graph: LabelGraph) -> NDArray[np.float64]:
    chosen = graph.adjacency if graph.statistics is None else graph.statistics
    values: NDArray[np.float64] = chosen.numpy().copy()
    np.fill_diagonal(values, 0.0)
    return values


def _places(graph: LabelGraph) -> NDArray[np.float64]:
    """Where the nodes lie: categories on the unit circle from the top clockwise, dimensions inside."""
    ring = [math.pi / 2 - 2 * math.pi * i / graph.num_classes for i in range(graph.num_classes)]
    # Turned by half a step against the ring, so that few lines run through a dimension's neighbour.
    radius = 0.0 if graph.num_dims == 1 else 0.36
    inner = [math.pi - 2 * math.pi * i / max(graph.num_dims, 1) for i in range(graph.num_dims)]
    points = [(math.cos(angle), math.sin(angle)) for angle in ring]
    points += [(radius * math.cos(angle), radius * math.sin(angle)) for angle in inner]
    return np.array(points)


def _draw_ring(axes: Axes, graph: LabelGraph) -> None:
    places, strengths = _places(graph), _strengths(graph)
    weights = graph.adjacency.numpy()
    largest = max(float(np.abs(strengths).max()), 1e-12)
    for i in range(len(places)):
        for j in range(i + 1, len(places)):
            there, back = weights[i, j] > 0, weights[j, i] > 0
            if not there and not back:
                continue
            strength = strengths[i, j] if there else strengths[j, i]
            start, end = (i, j) if there else (j, i)
            axes.add_patch(
                FancyArrowPatch(
                    tuple(places[start]),
                    tuple(places[end]),
                    arrowstyle="-" if there and back else "-|>",
                    mutation_scale=10,
                    shrinkA=0,
                    # The names lie over the ends of lines; only the head of an arrow must stay clear.
                    shrinkB=0 if there and back else 16,
                    linewidth=0.6 + (4.0 if len(places) <= 16 else 1.6) * abs(strength) / largest,
                    color=PALETTE[0] if strength >= 0 else PALETTE[1],
                    alpha=0.75,
                    zorder=1,
                )
            )
    alone = set(graph.isolated)
    for place, (name, (x, y)) in enumerate(zip(graph.nodes, places)):
        dimension = place >= graph.num_classes
        axes.text(
            x,
            y,
            name,
            ha="center",
            va="center",
            fontsize=9 if len(places) <= 20 else 7,
            color="white" if dimension else INK,
            zorder=2,
            bbox={
                "boxstyle": "round,pad=0.35",
                "facecolor": INK if dimension else "#eef2f6",
                "edgecolor": MUTED,
                "linestyle": "--" if name in alone else "-",
            },
        )
    axes.set_xlim(-1.35, 1.35)
    axes.set_ylim(-1.2, 1.2)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _draw_matrix(figure: Figure, axes: Axes, graph: LabelGraph) -> None:
    strengths, weights = _strengths(graph), graph.adjacency.numpy()
    size = len(graph.nodes)
    limit = max(float(np.abs(strengths).max()), 1e-12)
    signed = bool(strengths.min() < 0)
    colours = _DIVERGING if signed else SEQUENTIAL
    image = axes.imshow(strengths, cmap=colours, vmin=-limit if signed else 0.0, vmax=limit)
    for row in range(size):
        for column in range(size):
            if row == column:
                continue
            if size <= _MAX_NUMBERS:
                value = strengths[row, column]
                dark = abs(value) > 0.6 * limit
                text, colour = f"{value:.2f}", "white" if dark else INK
                axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=colour)
            if weights[row, column] > 0:
                corner = (column - 0.46, row - 0.46)
                axes.add_patch(_frame(corner, 0.92, 1.2 if size <= _MAX_RING else 0.3))
    step = 1 if size <= _MAX_RING else math.ceil(size / _MAX_RING)
    shown = range(0, size, step)
    names = [graph.nodes[place] for place in shown]
    small = 8 if size <= 20 else 6
    axes.set_xticks(shown, names, rotation=50, ha="right", rotation_mode="anchor", fontsize=small)
    axes.set_yticks(shown, names, fontsize=small)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.75)


def _frame(corner: tuple[float, float], width: float, line: float) -> Rectangle:
    return Rectangle(corner, width, width, fill=False, edgecolor=INK, linewidth=line)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 90))
