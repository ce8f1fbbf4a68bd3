"""Score against the share of missing modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from affectkit.report.figures.style import PALETTE, figure_style


class RobustnessPoint(NamedTuple):
    """One point of a curve: missing rate, mean score, and the standard deviation over draws."""

    rate: float
    mean: float
    sd: float


#: Marks that tell runs apart without colour.
_MARKS = "os^Dv<>"

#: Panels in a row.
_ACROSS = 4


def robustness_figure(
    curves: Mapping[str, Mapping[str, Sequence[RobustnessPoint]]], *, score_name: str
) -> Figure:
    """Draw one panel for each modality that may be missing, and one curve for each run.

    Args:
        curves: Title of a panel -> name of a run -> its points; a run without points is left out.
        score_name: What the score is.
    """
    runs = list(dict.fromkeys(name for panel in curves.values() for name in panel))
    across = min(_ACROSS, len(curves))
    down = -(-len(curves) // across)
    with figure_style():
        figure = Figure(figsize=(max(3.4, 2.3 * across), 0.5 + 2.5 * down), layout="constrained")
        panels = figure.subplots(down, across, sharey=True, squeeze=False).flatten().tolist()
        for place, (axes, (title, panel)) in enumerate(zip(panels, curves.items())):
            for number, name in enumerate(runs):
                points = panel.get(name, ())
                if not points:
                    continue
                rates = [100 * point.rate for point in points]
                (line,) = axes.plot(
                    rates,
                    [point.mean for point in points],
                    color=PALETTE[number % len(PALETTE)],
                    marker=_MARKS[number % len(_MARKS)],
                    markersize=3,
                    label=name,
                )
                axes.fill_between(
                    rates,
                    [point.mean - point.sd for point in points],
                    [point.mean + point.sd for point in points],
                    color=line.get_color(),
                    alpha=0.18,
                    linewidth=0,
                )
            axes.set_title(title)
            axes.set_xlabel("missing")
            axes.set_xlim(-2, 102)
            axes.set_xticks([0, 50, 100])
            axes.xaxis.set_major_formatter(PercentFormatter(decimals=0))
            axes.grid(axis="y", alpha=0.25)
            if place % across == 0:
                axes.set_ylabel(score_name)
        for axes in panels[len(curves) :]:
            axes.set_visible(False)
        if len(runs) > 1:
            # A run may be absent from a panel, so that no single one knows all of them.
            known = {
                label: handle
                for axes in panels[: len(curves)]
                for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
            figure.legend(
                known.values(), known.keys(), loc="outside lower center", ncols=min(3, len(runs)), fontsize=8
            )
    return figure
