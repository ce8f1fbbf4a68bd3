"""Accuracy over confidence, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.report.figures.style import MUTED, PALETTE, figure_style


def reliability_figure(sums: NDArray[np.float64], *, title: str = "Reliability") -> Figure:
    """Draw how often the answers of each bin are right, against how sure they were, and how many there are.

    Args:
        sums: (K, 3) rows, summed confidence and right answers of each bin, as of ``reliability_sums``.
        title: Title.

    Raises:
        ValueError: If ``sums`` has another shape.
    """
    return reliability_comparison_figure({title: sums})


def reliability_comparison_figure(panels: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw several reliability diagrams side by side, e.g. before and after a scaling.

    Args:
        panels: (K, 3) sums of the bins by title, all of the same number of rows.

    Raises:
        ValueError: If there is no panel, or ``sums`` have another shape.
    """
    if not panels or any(sums.ndim != 2 or sums.shape[1] != 3 for sums in panels.values()):
        shapes = ", ".join(str(sums.shape) for sums in panels.values())
        raise ValueError(f"reliability_figure got sums of shape {shapes or 'none'}: give (bins, 3).")
    with figure_style():
        figure = Figure(figsize=(0.6 + 3.6 * len(panels), 4.6), layout="constrained")
        rows = figure.subplots(2, len(panels), sharex=True, sharey="row", height_ratios=[3, 1], squeeze=False)
        for upper, lower, (title, sums) in zip(*rows, panels.items(), strict=True):
            _draw(upper, lower, sums, title)
        rows[0, 0].set_ylabel("share of right answers")
        rows[0, 0].legend(fontsize=8, loc="upper left")
        rows[1, 0].set_ylabel("rows")
    return figure


def _draw(upper: Axes, lower: Axes, sums: NDArray[np.float64], title: str) -> None:
    rows, confidence, right = sums.T
    held = rows > 0
    share = np.divide(right, rows, out=np.zeros_like(rows), where=held)
    sure = np.divide(confidence, rows, out=np.zeros_like(rows), where=held)
    edges = np.linspace(0, 1, len(sums) + 1)
    middle, width = (edges[:-1] + edges[1:]) / 2, 1 / len(sums)
    upper.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="as sure as right")
    upper.bar(middle[held], share[held], width * 0.92, color=PALETTE[5], label="right answers")
    gap = np.sort(np.stack([sure, share])[:, held], axis=0)
    upper.vlines(sure[held], *gap, color=PALETTE[1])
    upper.plot(sure[held], sure[held], "D", color=PALETTE[1], markersize=3.5, label="mean confidence")
    upper.set(title=title, xlim=(0, 1), ylim=(0, 1))
    lower.bar(middle, rows, width * 0.92, color=MUTED)
    lower.set_xlabel("confidence (largest probability)")
