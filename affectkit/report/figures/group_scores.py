"""Scores of groups with their intervals, beside that of everybody."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from affectkit.functional import GroupScores
from affectkit.report.figures.style import MUTED, PALETTE, figure_style


def group_scores_figure(scores: Mapping[str, GroupScores], *, most: int = 25) -> Figure:
    """Draw the score of each group as a point with its interval, the number of rows beside its name.

    Groups that are too small to be ranked are hollow. The order is that of the first score.

    Args:
        scores: Scores of the same groups by the name of the score.
        most: Groups to draw; the ones with fewest rows are left out beyond it.

    Raises:
        ValueError: If there is no score.
    """
    if not scores:
        raise ValueError("group_scores_figure got no score: give at least one, by its name.")
    first = next(iter(scores.values()))
    kept = {one.group for one in sorted(first.groups, key=lambda one: -one.rows)[:most]}
    order = [one.group for one in first.groups if one.group in kept]
    rows = {one.group: one.rows for one in first.groups}
    places = np.arange(len(order))
    with figure_style():
        figure = Figure(figsize=(1.6 + 2.5 * len(scores), 1.3 + 0.28 * len(order)), layout="constrained")
        panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
        for axes, (name, found) in zip(panels, scores.items(), strict=True):
            by_name = {one.group: one for one in found.groups}
            whole = found.everything
            axes.axvline(whole.value, color=MUTED, linestyle=":", label=f"all {whole.rows} rows")
            axes.axvspan(whole.low, whole.high, color=MUTED, alpha=0.12, linewidth=0)
            for place, group in zip(places, order, strict=True):
                one = by_name[group]
                colour = PALETTE[0] if one.ranked else MUTED
                axes.hlines(place, one.low, one.high, color=colour, linewidth=1.4)
                axes.plot(
                    one.value,
                    place,
                    "o",
                    color=colour,
                    markersize=5,
                    markerfacecolor=None if one.ranked else "white",
                )
            axes.set_title(name)
            axes.grid(axis="x", alpha=0.25)
        panels[0].set_yticks(places, [f"{group} (n={rows[group]})" for group in order])
        panels[0].set_ylim(len(order) - 0.4, -0.6)
        handles, texts = panels[0].get_legend_handles_labels()
        figure.legend(handles, texts, fontsize=8, loc="outside lower left")
    return figure
