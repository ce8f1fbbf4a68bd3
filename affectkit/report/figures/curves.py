"""Learning curves: losses and scores over the epochs of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from affectkit.report.figures.style import MUTED, figure_style

#: One series: (epoch, value) pairs in order of time.
Series = Sequence[tuple[float, float]]


def learning_curves_figure(
    losses: Mapping[str, Series], scores: Mapping[str, Series], *, best_epoch: float | None = None
) -> Figure:
    """Draw losses on the left and validation scores on the right.

    Args:
        losses: Series by name, e.g. ``{"train": [(0, 1.9), ...], "val": [...]}``.
        scores: Series by name, each in [0, 1].
        best_epoch: Epoch whose checkpoint was selected, marked in both panels.
    """
    with figure_style():
        figure = Figure(figsize=(8.2, 3.1), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw(left, losses, best_epoch)
        _draw(right, scores, best_epoch)
        left.set(title="Loss", xlabel="epoch", ylabel="mean over labelled rows")
        right.set(title="Validation scores", xlabel="epoch")
    return figure


def _draw(axes: Axes, series: Mapping[str, Series], best_epoch: float | None) -> None:
    for name, points in sorted(series.items()):
        axes.plot([x for x, _ in points], [y for _, y in points], label=name, marker="o", markersize=2.5)
    if best_epoch is not None:
        axes.axvline(best_epoch, color=MUTED, linestyle=":", label="selected")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", alpha=0.25)
    if series:
        axes.legend(fontsize=8)
