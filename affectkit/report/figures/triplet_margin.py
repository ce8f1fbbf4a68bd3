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
    title: str = "A negative moves away from the anchor",
) -> Figure:
    """Draw loss and gradient of one triplet over the distance of its negative, for each form of margin.

    Above 0 a gradient step brings the negative nearer, below 0 it moves it away, at 0 the hinge has closed.
    The published form weighs the negative's distances from anchor and positive by one half each; the one from
    the positive is kept at 1.

    Args:
        positive_distance: Distance of the positive, that of unit vectors.
        margin: The fixed margin.
        margin_scale: Scale of the rescaled margin.
        title: Heading of the figure.
    """
    forms: list[tuple[str, TripletMargin]] = [
        (f"fixed, {margin:g}", margin),
        (f"adaptive, rescaled by {margin_scale:g}", "adaptive_rescaled"),
        ("adaptive, as published", "adaptive"),
    ]
    with figure_style():
        figure = Figure(figsize=(9.6, 6.0), layout="constrained")
        panels = figure.subplots(2, 2, sharex=True)
        for number, (name, form) in enumerate(forms):
            distance, loss, slope = _curves(form, positive_distance, margin_scale=margin_scale)
            column = 1 if form == "adaptive" else 0
            for row, values in enumerate((loss, slope)):
                panels[row, column].plot(distance, values, color=PALETTE[number], label=name)
        for column, heading in enumerate((title, "The published margin, on a scale of its own")):
            panels[0, column].set_title(heading)
            panels[0, column].legend(loc="upper right" if column == 0 else "center")
            panels[0, column].set_ylim(bottom=0)
            panels[1, column].set_xlabel("distance of the negative from the anchor")
        panels[0, 0].set_ylabel("loss")
        panels[1, 0].set_ylabel("gradient with that distance")
        panels[1, 0].set_ylim(-1.25, 1.25)
        # Linear near 0, where the sign changes, and logarithmic beyond.
        panels[1, 1].set_yscale("symlog", linthresh=1.0)
        panels[1, 1].set_ylim(-2.0, 1000.0)
        for axes in panels.flat:
            _mark(axes, positive_distance)
        for axes in panels[1]:
            axes.axhspan(0, axes.get_ylim()[1], color=PALETTE[1], alpha=0.08, linewidth=0)
            for place, words in ((0.97, "pulls the negative in"), (0.03, "pushes it away")):
                side = "top" if place > 0.5 else "bottom"
                axes.text(
                    0.98, place, words, transform=axes.transAxes, fontsize=8, color=MUTED, ha="right", va=side
                )
    return figure


def _curves(
    form: TripletMargin, positive_distance: float, *, margin_scale: float
) -> tuple[Curve, Curve, Curve]:
    """Distances of the negative, and loss and its slope there."""
    far = torch.linspace(0, _FARTHEST, _POINTS, dtype=torch.float64, requires_grad=True)
    near = torch.full_like(far, positive_distance)
    pull, push = triplet_sides(near, far, form, margin_scale=margin_scale)
    if form == "adaptive":
        push = push - (far - 1) / 2
    loss = torch.relu(pull - push)
    (slope,) = torch.autograd.grad(loss.sum(), [far])
    return far.detach().numpy(), loss.detach().numpy(), slope.numpy()


def _mark(axes: Axes, positive_distance: float) -> None:
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    axes.axvline(positive_distance, color=MUTED, linewidth=0.8, linestyle=":")
    axes.annotate(
        "distance of the positive",
        (positive_distance, 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="top",
        fontsize=7,
        color=MUTED,
    )
    axes.set_xlim(0, _FARTHEST)
