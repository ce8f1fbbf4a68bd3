"""Valence and arousal over time, as paths on their plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.report.figures.style import INK, MUTED, figure_style

_ACROSS: Final = 2
#: Letters of a name that fit above a panel; the end of a long one says more than its beginning.
_LONGEST: Final = 30
#: More numbers than these hide the path.
_MOST_NUMBERS: Final = 30


def trajectory_figure(
    paths: Mapping[str, NDArray[np.float64]],
    *,
    turns: Mapping[str, Sequence[int]],
    around: NDArray[np.float64] | None = None,
    limits: tuple[float, float] | None = None,
    title: str = "Predictions over time",
) -> Figure:
    """Draw a panel for each path: points with the numbers of their turns, joined, from dark to bright.

    The first point is a square and the last a diamond. Where a value is not known, the line is broken.

    Args:
        paths: (T, 2) valence and arousal, by name.
        turns: Number of each of the T points, by the same names.
        around: (N, 2) other points, drawn faintly in every panel.
        limits: Lowest and highest value of the scale, whose middle is then marked.
        title: Heading of the figure.

    Raises:
        ValueError: If there is no path, one is of another shape, or its points are not all numbered.
    """
    wrong = [name for name, path in paths.items() if path.ndim != 2 or path.shape[1] != 2 or not len(path)]
    if not paths or wrong:
        what = ", ".join(wrong) or "none"
        raise ValueError(f"A figure of paths got {what}: give at least one, and (T, 2) of each, T above 0.")
    unnumbered = [name for name, path in paths.items() if len(turns.get(name, ())) != len(path)]
    if unnumbered:
        raise ValueError(
            f"A figure of paths got turns of another number than the points of {', '.join(unnumbered)}: give "
            "one for each point."
        )
    across = min(_ACROSS, len(paths))
    down = -(-len(paths) // across)
    everything = np.concatenate([*paths.values(), *([] if around is None else [around])])
    known = everything[np.isfinite(everything).all(axis=1)]
    drawn = [*known.ravel().tolist(), *(limits or ())] or [-1.0, 1.0]
    room = 0.04 * (max(drawn) - min(drawn)) or 0.1
    ends = (min(drawn) - room, max(drawn) + room)
    with figure_style():
        figure = Figure(figsize=(0.4 + 3.1 * across, 0.4 + 3.1 * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        for axes in panels.flat[len(paths) :]:
            axes.set_visible(False)
        for axes, (name, path) in zip(panels.flat, paths.items()):
            if around is not None:
                axes.scatter(around[:, 0], around[:, 1], s=5, color=MUTED, alpha=0.25, linewidths=0, zorder=0)
            if limits is not None:
                for line in (axes.axhline, axes.axvline):
                    line((limits[0] + limits[1]) / 2, color=MUTED, linewidth=0.8, zorder=0)
            _draw(axes, path, turns[name])
            axes.set(xlim=ends, ylim=ends, aspect="equal")
            axes.set_title(
                name if len(name) <= _LONGEST else f"...{name[3 - _LONGEST :]}",
                fontsize=9,
                fontweight="normal",
            )
        for axes in panels[-1]:
            axes.set_xlabel("valence")
        for axes in panels[:, 0]:
            axes.set_ylabel("arousal")
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def _draw(axes: Axes, path: NDArray[np.float64], turns: Sequence[int]) -> None:
    colours = colormaps["viridis"](np.linspace(0, 0.85, len(path)))
    axes.plot(path[:, 0], path[:, 1], color=MUTED, linewidth=1, zorder=1)
    axes.scatter(path[:, 0], path[:, 1], s=22, c=colours, zorder=2)
    real = np.flatnonzero(np.isfinite(path).all(axis=1))
    for place, mark in ((real[:1], "s"), (real[-1:], "D")):
        axes.scatter(
            path[place, 0], path[place, 1], s=60, marker=mark, c=colours[place], edgecolors=INK, zorder=3
        )
    step = max(1, -(-len(path) // _MOST_NUMBERS))
    for place in real[::step]:
        axes.annotate(
            str(turns[place]), path[place], xytext=(4, 3), textcoords="offset points", fontsize=7, color=INK
        )
