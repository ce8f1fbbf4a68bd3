"""Wrong answers over the share of rows that are answered."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.report.figures.style import MUTED, PALETTE, figure_style


def risk_coverage_figure(coverage: NDArray[np.float64], risk: NDArray[np.float64]) -> Figure:
    """Draw the share of wrong answers among the most confident rows, beside that of answering everything.

    Args:
        coverage: (G,) share of the rows that are answered, rising to 1.
        risk: (G,) share of wrong answers among them.

    Raises:
        ValueError: If there is no point, or the shapes differ.
    """
    if coverage.ndim != 1 or coverage.shape != risk.shape or not len(coverage):
        raise ValueError(
            f"risk_coverage_figure got coverage {coverage.shape} and risk {risk.shape}: give as many of "
            "each, at least one."
        )
    with figure_style():
        figure = Figure(figsize=(4.2, 3.1), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(coverage, risk, color=PALETTE[0], drawstyle="steps-pre", label="most confident first")
        axes.axhline(risk[-1], color=MUTED, linestyle=":", label="everything answered")
        axes.set(title="Risk and coverage", xlabel="share of rows answered", ylabel="share of wrong answers")
        axes.set(xlim=(0, 1), ylim=(0, None))
        axes.grid(axis="y", alpha=0.25)
        axes.legend(fontsize=8)
    return figure
