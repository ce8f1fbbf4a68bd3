"""Confusion matrix: which label was given to which, as shares of the true label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.report.figures.style import INK, SEQUENTIAL, figure_style


def confusion_figure(counts: NDArray[np.int64], labels: Sequence[str], *, title: str = "Confusion") -> Figure:
    """Draw a confusion matrix with the row share as colour, and share and count as text.

    Args:
        counts: (C, C) counts, rows true and columns predicted.
        labels: The C label names in the order of the rows.
        title: Heading of the figure.

    Raises:
        ValueError: If ``counts`` is not square or does not fit ``labels``.
    """
    if counts.shape != (len(labels), len(labels)):
        raise ValueError(f"A confusion matrix for {len(labels)} labels must be square, got {counts.shape}.")
    support = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    size = 1.6 + 0.62 * len(labels)
    with figure_style():
        figure = Figure(figsize=(size + 0.9, size), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(share, cmap=SEQUENTIAL, vmin=0.0, vmax=1.0)
        for row in range(len(labels)):
            for column in range(len(labels)):
                dark = share[row, column] > 0.55
                axes.text(
                    column,
                    row,
                    f"{share[row, column]:.0%}\n{counts[row, column]}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if dark else INK,
                )
        axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
        axes.set_yticks(range(len(labels)), [f"{name} ({int(n)})" for name, n in zip(labels, support[:, 0])])
        axes.set_xlabel("predicted")
        axes.set_ylabel("true (number of rows)")
        axes.set_title(title)
        axes.spines[:].set_visible(False)
        figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true label")
    return figure
