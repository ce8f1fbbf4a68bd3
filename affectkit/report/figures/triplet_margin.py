"""Triplet margins: what each form makes of a negative, and which way it pushes it."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from affectkit.functional import TripletMargin, triplet_sides
from affectkit.report.figures.style import INK, MUTED, PALETTE, figure_style

#: Longest distance of two unit vectors.
_FARTHEST: Final = 2.0
_POINTS: Final = 401
Curve = NDArray[np.float64]


def triplet_margin_figure(
    *,
    positive_distance: float = 0.6,
    margin: float = 0.2,
    margin_scale: float = 0.2,
    title: str = "A negative moves away: three forms of margin",
) -> Figure:
    """Draw loss and gradient of one triplet over the distance of its negative, for each form of margin.

    Above 0 a gradient step brings the negative nearer, below 0 it moves it away, at 0 the hinge has closed.

    Args:
        positive_distance: Distance of the positive, that of unit vectors.
        margin: The fixed margin.
        margin_scale: Scale of the rescaled margin.
        title: Heading of the figure.
    """
    forms: list[tuple[str, TripletMargin, bool]] = [
        (f"fixed, {margin:g}", margin, True),
        (f"adaptive, rescaled by {margin_scale:g}", "adaptive_rescaled", True),
        ("adaptive, as published (no hinge)", "adaptive", False),
    ]
    with figure_style():
        figure = Figure(figsize=(9.6, 6.0), layout="constrained")
        panels = figure.subplots(2, 2, sharex=True)
        for row, what in enumerate(("loss", "gradient with the negative's distance")):
            for column in (0, 1):
                _frame(panels[row, column], positive_distance)
            panels[row, 0].set_ylabel(what)
        for number, (name, form, hinge) in enumerate(forms):
            distance, loss, slope = _curves(form, positive_distance, margin_scale=margin_scale, hinge=hinge)
            column = 1 if form == "adaptive" else 0
            for row, values in enumerate((loss, slope)):
                panels[row, column].plot(distance, values, color=PALETTE[number], label=name)
        for column, heading in enumerate((title, "The published margin, on its own scale")):
            panels[0, column].set_title(heading)
            panels[0, column].legend(loc="upper right" if column == 0 else "upper left")
            panels[1, column].set_xlabel("distance of the negative from the anchor")
        panels[1, 0].set_ylim(-1.25, 1.25)
        for axes, low in ((panels[1, 0], -1.25), (panels[1, 1], None)):
            edge = axes.get_ylim() if low is None else (low, -low)
            axes.set_ylim(*edge)
            axes.axhspan(0, edge[1], color=PALETTE[1], alpha=0.07, linewidth=0)
            axes.text(0.03, edge[1] * 0.9, "pulls the negative in", fontsize=8, color=MUTED, va="top")
    return figure


def _curves(
    form: TripletMargin, positive_distance: float, *, margin_scale: float, hinge: bool
) -> tuple[Curve, Curve, Curve]:
    """Distances of the negative, and loss and its slope there."""
    far = torch.linspace(0, _FARTHEST, _POINTS, dtype=torch.float64, requires_grad=True)
    near = torch.full_like(far, positive_distance)
    pull, push = triplet_sides(near, far, form, margin_scale=margin_scale)
    loss = torch.relu(pull - push) if hinge else pull - push
    (slope,) = torch.autograd.grad(loss.sum(), [far])
    return far.detach().numpy(), loss.detach().numpy(), slope.numpy()


def _frame(axes: Axes, positive_distance: float) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(positive_distance, color=MUTED, linewidth=0.8, linestyle=":")
    axes.annotate(
        "positive",
        (positive_distance, 0),
        xycoords=("data", "axes fraction"),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=8,
        color=MUTED,
    )
    axes.set_xlim(0, _FARTHEST)
