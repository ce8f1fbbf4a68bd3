"""Precision, recall and F1 of each class beside how often the class occurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.report.figures.style import MUTED, PALETTE, figure_style


class ClassScore(NamedTuple):
    """Scores of one class, each in [0, 1] or NaN where nothing defines it, with the number of true rows."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


def class_scores(counts: NDArray[np.int64], labels: Sequence[str]) -> list[ClassScore]:
    r"""Compute per-class scores from (C, C) confusion counts, rows true.

    .. math:: F_1 = \frac{2\,TP}{2\,TP + FP + FN}

    A class without a true row has no recall, one that was never predicted no precision, and one of which
    both hold no F1: these are NaN.
    """
    hits = np.diag(counts).astype(np.float64)
    true, predicted = counts.sum(axis=1), counts.sum(axis=0)

    def ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(top, bottom, out=np.full_like(hits, np.nan), where=bottom > 0)

    precision, recall = ratio(hits, predicted), ratio(hits, true)
    f1 = ratio(2 * hits, (true + predicted).astype(np.float64))
    return [
        ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(true[i]))
        for i, name in enumerate(labels)
    ]


def per_class_figure(scores: Sequence[ClassScore]) -> Figure:
    """Draw F1 as bars, precision and recall as marks, most frequent class first."""
    ordered = sorted(scores, key=lambda score: -score.support)
    places = np.arange(len(ordered))
    with figure_style():
        figure = Figure(figsize=(1.4 + 0.85 * len(ordered), 3.0), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(places, [score.f1 for score in ordered], color=PALETTE[5], label="F1")
        axes.plot(places, [score.precision for score in ordered], "^", color=PALETTE[1], label="precision")
        axes.plot(places, [score.recall for score in ordered], "v", color=PALETTE[2], label="recall")
        axes.set_xticks(places, [f"{score.label}\nn={score.support}" for score in ordered])
        axes.set(ylim=(0, 1.04), title="Scores per class")
        axes.grid(axis="y", alpha=0.25, color=MUTED)
        axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    return figure
