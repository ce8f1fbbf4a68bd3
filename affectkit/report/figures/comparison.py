"""Scores of the runs of several systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from affectkit.functional import ScoreSummary
from affectkit.report.figures.style import INK, MUTED, PALETTE, figure_style


def comparison_figure(
    scores: Mapping[str, Sequence[float]], summaries: Mapping[str, ScoreSummary], *, score_name: str
) -> Figure:
    """Draw each run as a point, and mean and interval of each system beside them.

    Args:
        scores: Scores of the runs by the name of the system.
        summaries: Summary of each.
        score_name: Name of the score.

    Raises:
        ValueError: If there is no system, or one has no summary.
    """
    if not scores or set(scores) - set(summaries):
        raise ValueError(
            f"comparison_figure got {len(scores)} systems and {len(summaries)} summaries: give one of "
            "each a system."
        )
    with figure_style():
        figure = Figure(figsize=(5.4, 1.0 + 0.5 * len(scores)), layout="constrained")
        axes = figure.add_subplot()
        for place, (name, values) in enumerate(scores.items()):
            found = summaries[name]
            spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
            axes.plot(values, place + 0.18 + spread / 2, "o", color=PALETTE[5], markersize=4, label="run")
            if found.low is not None and found.high is not None:
                axes.hlines(place - 0.15, found.low, found.high, color=INK, linewidth=1.6)
            axes.plot(found.mean, place - 0.15, "D", color=INK, markersize=5, label="mean, 95 % interval")
        axes.set_yticks(range(len(scores)), [f"{name} (n={summaries[name].n})" for name in scores])
        axes.set_ylim(len(scores) - 0.5, -0.5)
        axes.set(xlabel=score_name)
        axes.grid(axis="x", alpha=0.25, color=MUTED)
        handles, texts = axes.get_legend_handles_labels()
        figure.legend(handles[:2], texts[:2], fontsize=8, loc="outside upper left", ncols=2)
    return figure
