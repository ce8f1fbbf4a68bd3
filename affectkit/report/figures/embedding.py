"""Embeddings of several models on a plane: how compact classes are, and how far apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from affectkit.report.figures.style import INK, MUTED, PALETTE, figure_style

# Small points in the palette's yellow cannot be seen on white.
_COLOURS = (*PALETTE[:6], "#7b5ea7", MUTED)


class ClassShape(NamedTuple):
    """Where a class lies among embeddings of unit length, in all their dimensions.

    Attributes:
        mean: Mean of its rows.
        spread: Mean square distance of its rows to that mean.
    """

    mean: NDArray[np.float64]
    spread: float


def class_shape(embedding: NDArray[np.float64], label: NDArray[np.int64], of: int) -> ClassShape | None:
    """Mean and spread of the rows of a class, at unit length; None without a row.

    Examples:
        >>> rows = np.array([[2.0, 0.0], [0.0, 1.0]])
        >>> class_shape(rows, np.array([0, 0]), 0).spread
        0.5
    """
    rows = _unit(embedding)[label == of]
    if not len(rows):
        return None
    mean = rows.mean(0)
    return ClassShape(mean, float(np.square(rows - mean).sum(1).mean()))


def embedding_figure(
    embeddings: Mapping[str, NDArray[np.float64]],
    label: NDArray[np.int64],
    names: Sequence[str],
    *,
    marked: Sequence[str] = (),
    title: str = "Embeddings",
) -> Figure:
    """Draw the same rows as several models embed them, each on its own two principal directions.

    Rows are brought to unit length first. An ellipse covers two deviations of a marked class on the plane;
    the numbers under a panel are of all dimensions: spread is the mean square distance to the class's mean.

    Args:
        embeddings: Embedding (N, D) of the rows by the name of the model, e.g. before and after.
        label: Class of each row (N,).
        names: Name of each class.
        marked: Names of the classes that ellipses and numbers are about.
        title: Heading of the figure.

    Raises:
        ValueError: If nothing is to be drawn, lengths differ, or a marked name is none of the classes.
    """
    unknown = [name for name in marked if name not in names]
    short = [name for name, rows in embeddings.items() if rows.ndim != 2 or len(rows) != len(label)]
    if not embeddings or unknown or short or len(label) < 2:
        raise ValueError(
            f"embedding_figure got {len(embeddings)} embeddings for {len(label)} labels (wrong: "
            f"{', '.join([*unknown, *short]) or 'none'}): give rows (N, D) for each model, one label a row, "
            "and marked classes by their names."
        )
    with figure_style():
        figure = Figure(figsize=(4.6 * len(embeddings) + 1.2, 4.9), layout="constrained")
        panels = figure.subplots(1, len(embeddings), squeeze=False)[0]
        planes = {name: principal_plane(_unit(rows)) for name, rows in embeddings.items()}
        # One scale for all panels, or a class that shrank would look as large as before.
        reach = 0.6 * max(float(np.ptp(plane, axis=0).max()) for plane in planes.values())
        for axes, (name, rows) in zip(panels, embeddings.items(), strict=True):
            _draw(axes, planes[name], label, names, marked)
            middle = (planes[name].min(0) + planes[name].max(0)) / 2
            axes.set_xlim(float(middle[0] - reach), float(middle[0] + reach))
            axes.set_ylim(float(middle[1] - reach), float(middle[1] + reach))
            axes.set_aspect("equal")
            axes.set_title(name)
            _write_shapes(axes, rows, label, names, marked)
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
        handles, texts = panels[0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside right upper", fontsize=8, markerscale=2)
    return figure


def principal_plane(embedding: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (N, 2) on the two directions in which they differ most, each turned the same way every time.

    Examples:
        >>> principal_plane(np.array([[0.0, 0.0, 0.0], [-2.0, 0.0, 0.0], [2.0, 0.0, 0.0]]))[:, 0].tolist()
        [0.0, -2.0, 2.0]
    """
    centred = embedding - embedding.mean(0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    # A singular vector may as well be its opposite: the largest of its numbers is made positive.
    largest = np.abs(directions).argmax(1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    plane = centred @ (directions * signs[:, None]).T
    if plane.shape[1] == 1:
        plane = np.concatenate([plane, np.zeros_like(plane)], 1)
    return np.asarray(plane, dtype=np.float64)


def _draw(
    axes: Axes,
    plane: NDArray[np.float64],
    label: NDArray[np.int64],
    names: Sequence[str],
    marked: Sequence[str],
) -> None:
    for place, name in enumerate(names):
        mine = plane[label == place]
        if not len(mine):
            continue
        colour = _COLOURS[place % len(_COLOURS)]
        strong = not marked or name in marked
        axes.scatter(
            mine[:, 0],
            mine[:, 1],
            s=9,
            color=colour,
            alpha=0.8 if strong else 0.35,
            linewidths=0,
            label=name,
            zorder=3 if strong else 2,
        )
        if name in marked and len(mine) > 2:
            axes.add_patch(_ellipse(mine, colour))
    axes.set(xlabel="first direction", ylabel="second direction")
    axes.tick_params(labelsize=7)


def _write_shapes(
    axes: Axes,
    rows: NDArray[np.float64],
    label: NDArray[np.int64],
    names: Sequence[str],
    marked: Sequence[str],
) -> None:
    shapes = {name: class_shape(rows, label, list(names).index(name)) for name in marked}
    found = {name: shape for name, shape in shapes.items() if shape is not None}
    lines = [f"spread of {name}: {shape.spread:.3f}" for name, shape in found.items()]
    pairs = list(found.items())
    for place, (one, first) in enumerate(pairs):
        for other, second in pairs[place + 1 :]:
            apart = float(np.linalg.norm(first.mean - second.mean))
            lines.append(f"means of {one} and {other}: {apart:.3f} apart")
    if lines:
        axes.annotate(
            "\n".join(lines),
            (0.0, 0.0),
            xycoords="axes fraction",
            xytext=(0, -34),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=INK,
        )


def _ellipse(rows: NDArray[np.float64], colour: str) -> Ellipse:
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    height, width = (4 * float(np.sqrt(max(value, 0.0))) for value in values)
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    middle = (float(rows[:, 0].mean()), float(rows[:, 1].mean()))
    return Ellipse(middle, width, height, angle=angle, fill=False, edgecolor=colour, linewidth=1.4, zorder=4)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-12), dtype=np.float64)
