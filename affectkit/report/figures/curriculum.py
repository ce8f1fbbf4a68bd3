"""What the curriculum showed when, and how the validation score moved with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from affectkit.report.figures.curves import Series
from affectkit.report.figures.style import INK, PALETTE, figure_style


def curriculum_figure(
    difficulty: Sequence[float] | Mapping[int, Sequence[float]],
    shown: Mapping[int, Sequence[int]],
    scores: Series,
    *,
    score_name: str = "validation score",
) -> Figure:
    """Draw how often each sample was shown in each epoch, easiest at the bottom.

    Args:
        difficulty: Difficulty of each of the N training samples; by epoch where it was measured anew
            before each.
        shown: For each epoch, the positions (0..N-1) in the order in which they were shown.
        scores: Validation score at the end of each epoch.
        score_name: Name of that score.
    """
    epochs = sorted(shown)
    by_epoch = difficulty if isinstance(difficulty, Mapping) else dict.fromkeys(epochs, difficulty)
    samples = max((len(values) for values in by_epoch.values()), default=0)
    times = np.zeros((samples, len(epochs)))
    for column, epoch in enumerate(epochs):
        rank = _ranks(by_epoch[epoch])
        positions = np.asarray(shown[epoch], dtype=np.int64)
        np.add.at(times[:, column], rank[positions], 1)
    anew = " of its epoch" if isinstance(difficulty, Mapping) else ""
    open_share = [float(np.mean(times[:, column] > 0)) for column in range(len(epochs))]
    with figure_style():
        figure = Figure(figsize=(8.2, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        if epochs:
            image = left.imshow(
                times,
                aspect="auto",
                origin="lower",
                cmap="viridis",
                interpolation="nearest",
                extent=(min(epochs) - 0.5, max(epochs) + 0.5, 0, samples),
            )
            figure.colorbar(image, ax=left, label="times shown in the epoch")
        left.set(title="What was shown when", xlabel="epoch", ylabel=f"sample, easiest{anew} first")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        right.bar(epochs, open_share, color=PALETTE[5], alpha=0.5, label="share of samples shown")
        right.plot(
            [x for x, _ in scores],
            [y for _, y in scores],
            color=INK,
            marker="o",
            markersize=3,
            label=score_name,
        )
        right.set(title="Score and share", xlabel="epoch", ylim=(0, 1.05))
        right.yaxis.set_major_formatter(PercentFormatter(xmax=1.0))
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        right.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0.0, -0.2))
    return figure


def _ranks(difficulty: Sequence[float]) -> NDArray[np.int64]:
    order = np.argsort(np.asarray(difficulty, dtype=np.float64), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank
