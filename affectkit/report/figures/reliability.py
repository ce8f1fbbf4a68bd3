"""Accuracy over confidence, bin by bin."""

from __future__ import annotations

import numpy as np
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
    if sums.ndim != 2 or sums.shape[1] != 3:
        raise ValueError(f"reliability_figure got sums of shape {sums.shape}: give (bins, 3).")
    rows, confidence, right = sums.T
    held = rows > 0
    share = np.divide(right, rows, out=np.zeros_like(rows), where=held)
    sure = np.divide(confidence, rows, out=np.zeros_like(rows), where=held)
    edges = np.linspace(0, 1, len(sums) + 1)
    middle, width = (edges[:-1] + edges[1:]) / 2, 1 / len(sums)
    with figure_style():
        figure = Figure(figsize=(4.2, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="as sure as right")
        upper.bar(middle[held], share[held], width * 0.92, color=PALETTE[5], label="right answers")
        gap = np.sort(np.stack([sure, share])[:, held], axis=0)
        upper.vlines(sure[held], *gap, color=PALETTE[1])
        upper.plot(sure[held], sure[held], "D", color=PALETTE[1], markersize=3.5, label="mean confidence")
        upper.set(title=title, ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
        upper.legend(fontsize=8, loc="upper left")
        lower.bar(middle, rows, width * 0.92, color=MUTED)
        lower.set(xlabel="confidence (largest probability)", ylabel="rows")
    return figure
