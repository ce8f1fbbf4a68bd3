"""Predicted valence and arousal as points on the plane, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from affectkit.report.figures.style import INK, MUTED, PALETTE, figure_style

#: So many deviations along each axis of an ellipse hold half of a normal distribution.
_HALF = float(np.sqrt(2 * np.log(2)))
_LINES = ("-", "--", ":")
_LEGEND_ROWS = 18
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
#: More points of a class than these say nothing more; every row counts in its ellipse.
_MAX_POINTS = 600


class CircumplexClass(NamedTuple):
    """Where the rows of one class lie.

    Attributes:
        label: Name of the class.
        rows: Number of rows.
        mean: Mean valence and arousal, NaN without rows.
        covariance: (2, 2) population covariance, NaN without rows.
        anchor: Valence and arousal that the class stands for, or None.
    """

    label: str
    rows: int
    mean: tuple[float, float]
    covariance: NDArray[np.float64]
    anchor: tuple[float, float] | None

    @property
    def correlation(self) -> float:
        """Correlation of valence and arousal within the class; NaN where one does not vary."""
        spread = float(np.sqrt(self.covariance[0, 0] * self.covariance[1, 1]))
        return float(self.covariance[0, 1]) / spread if spread > 0 else float("nan")


def circumplex_classes(
    points: NDArray[np.float64],
    index: NDArray[np.int64],
    labels: Sequence[str],
    anchors: Mapping[str, tuple[float, float]] | None = None,
) -> list[CircumplexClass]:
    """Mean and population covariance of each class, in the order of ``labels``.

    Args:
        points: (N, 2) valence and arousal.
        index: (N,) class of each point.
        labels: Names of the classes.
        anchors: Valence and arousal that classes stand for, by name.

    Raises:
        ValueError: If the shapes do not fit, or a class has no name.
    """
    if points.shape != (len(index), 2) or (len(index) and not 0 <= index.min() <= index.max() < len(labels)):
        raise ValueError(
            f"A circumplex got points of shape {points.shape} for {len(index)} classes of {len(labels)} "
            "names: give (N, 2), and a class with a name for each."
        )
    found: list[CircumplexClass] = []
    for number, label in enumerate(labels):
        rows = points[index == number]
        mean = rows.mean(axis=0) if len(rows) else np.full(2, np.nan)
        spread = (rows - mean).T @ (rows - mean) / len(rows) if len(rows) else np.full((2, 2), np.nan)
        anchor = (anchors or {}).get(label)
        found.append(CircumplexClass(label, len(rows), (float(mean[0]), float(mean[1])), spread, anchor))
    return found


def circumplex_figure(
    points: NDArray[np.float64],
    index: NDArray[np.int64],
    labels: Sequence[str],
    anchors: Mapping[str, tuple[float, float]] | None = None,
    *,
    limits: tuple[float, float] | None = None,
    title: str = "Predicted valence and arousal",
) -> Figure:
    """Draw each class: points, an ellipse that holds half of a normal distribution, mean and anchor.

    A class has one colour and one mark; a line leads from its mean, a large mark, to its anchor, a hollow
    one. Classes without a row are left out. Where a class has more than 600 rows, evenly spaced ones of
    them are drawn.

    Args:
        points: (N, 2) valence and arousal.
        index: (N,) class of each point, e.g. its true label.
        labels: Names of the classes.
        anchors: Valence and arousal that classes stand for, by name, on the scale of the points.
        limits: Lowest and highest value of the scale, whose middle is then marked; what lies outside is
            drawn too.
        title: Heading of the figure.

    Raises:
        ValueError: If the shapes do not fit, or a class has no name.
    """
    classes = circumplex_classes(points, index, labels, anchors)
    shown = sum(one.rows > 0 for one in classes)
    columns = max(1, -(-shown // _LEGEND_ROWS))
    with figure_style():
        figure = Figure(figsize=(5.5 + 1.6 * columns, 5.2), layout="constrained")
        axes = figure.add_subplot()
        if limits is not None:
            for line in (axes.axhline, axes.axvline):
                line((limits[0] + limits[1]) / 2, color=MUTED, linewidth=0.8, zorder=0)
        for number, one in enumerate(classes):
            if one.rows:
                _draw_class(axes, one, points[index == number], number)
        low, high = _limits(points, classes, limits)
        room = 0.04 * (high - low)
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room), aspect="equal")
        axes.set(xlabel="valence", ylabel="arousal", title=title)
        if shown:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, ncols=columns)
    return figure


def _draw_class(axes: Axes, one: CircumplexClass, points: NDArray[np.float64], number: int) -> None:
    colour, mark = PALETTE[number % len(PALETTE)], _MARKERS[number % len(_MARKERS)]
    # Where colours come again, lines differ.
    line = _LINES[number // len(PALETTE) % len(_LINES)]
    chosen = points[np.unique(np.linspace(0, len(points) - 1, min(len(points), _MAX_POINTS)).astype(int))]
    axes.scatter(
        chosen[:, 0], chosen[:, 1], s=9, marker=mark, color=colour, alpha=0.35, linewidths=0, zorder=1
    )
    values, vectors = np.linalg.eigh(one.covariance)
    if one.rows > 2 and values[1] > 0:
        width, height = 2 * _HALF * np.sqrt(np.clip(values[::-1], 0, None))
        turn = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
        axes.add_patch(
            Ellipse(
                one.mean,
                width,
                height,
                angle=turn,
                fill=False,
                edgecolor=colour,
                linestyle=line,
                linewidth=1.8,
                zorder=2,
            )
        )
    if one.anchor is not None:
        axes.plot(
            [one.mean[0], one.anchor[0]], [one.mean[1], one.anchor[1]], color=colour, linewidth=1, zorder=3
        )
        axes.plot(
            [one.anchor[0]],
            [one.anchor[1]],
            mark,
            markersize=9,
            markerfacecolor="white",
            markeredgecolor=colour,
            markeredgewidth=1.6,
            zorder=4,
        )
    axes.plot(
        [one.mean[0]],
        [one.mean[1]],
        mark,
        markersize=9,
        markerfacecolor=colour,
        markeredgecolor=INK,
        markeredgewidth=0.8,
        linestyle="none",
        label=f"{one.label} ({one.rows})",
        zorder=5,
    )


def _limits(
    points: NDArray[np.float64], classes: Sequence[CircumplexClass], limits: tuple[float, float] | None
) -> tuple[float, float]:
    """Lowest and highest number that is drawn, on either axis."""
    drawn = [*points.ravel().tolist(), *(limits or ())]
    for one in classes:
        if one.rows:
            reach = _HALF * np.sqrt(np.diag(one.covariance))
            drawn += [*(one.mean - reach).tolist(), *(one.mean + reach).tolist(), *(one.anchor or ())]
    return (min(drawn), max(drawn)) if drawn else (-1.0, 1.0)
