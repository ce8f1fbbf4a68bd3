"""The plane of valence and arousal, cut into square cells."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.distill.error import PrototypeGridError
from affectkit.labels import AffectScale

#: Share of a cell by which a value on a border may miss it: stored values are rounded.
_ROUNDING = 1e-6


def cell_centres(cells: int) -> Tensor:
    r"""Centres (cells², 2) of the cells in -1..1, valence changing slowly and arousal fast.

    Examples:
        >>> cell_centres(5)[:3].tolist()
        [[-0.8, -0.8], [-0.8, -0.4], [-0.8, 0.0]]
    """
    # Whole numbers over one divisor: the middle is exactly 0 and the two halves mirror each other.
    axis = (2 * torch.arange(cells, dtype=torch.float64) + 1 - cells) / cells
    return torch.cartesian_prod(axis, axis).reshape(-1, 2)


def cell_index(va: Tensor, cells: int) -> Tensor:
    """Cell whose centre is nearest to each point (..., 2) of -1..1; one on a border goes to the lower.

    Examples:
        >>> cell_index(torch.tensor([[-1.0, -1.0], [0.0, 0.2], [0.9, 0.21]]), 5).tolist()
        [0, 12, 23]
    """
    position = (va.double() + 1) / 2 * cells
    place = (position - _ROUNDING).ceil().long().sub(1).clamp(0, cells - 1)
    return place[..., 0] * cells + place[..., 1]


def unit_va(va: Tensor, scale: AffectScale) -> Tensor:
    """Valence and arousal (..., 2) in -1..1, float64, from the axes of a scale; NaN where one is absent.

    Args:
        va: Values (..., A) in the order of the scale's axes.
        scale: The scale of the values; it must have the axes valence and arousal.

    Raises:
        PrototypeGridError: If the scale lacks an axis, or a value lies outside it.

    Examples:
        >>> from affectkit.labels import affect_scale
        >>> unit_va(torch.tensor([[9.0, 5.0]]), affect_scale("va.one_to_nine")).tolist()
        [[1.0, 0.0]]
    """
    missing = [axis for axis in ("valence", "arousal") if axis not in scale.axes]
    if missing or va.shape[-1:] != (len(scale),):
        raise PrototypeGridError(
            f"A plane of valence and arousal got values of shape {tuple(va.shape)} on scale {scale.name!r} "
            f"with the axes {', '.join(scale.axes)}: give one column an axis, valence and arousal among them."
        )
    places = [scale.axes.index(axis) for axis in ("valence", "arousal")]
    values = va.detach()[..., places].double()
    absent = values.isnan()
    for mark in scale.absent:
        absent = absent | (values == mark)
    outside = ~absent & ~((values >= scale.low) & (values <= scale.high))
    if bool(outside.any()):
        raise PrototypeGridError(
            f"{values[outside][0].item():g} lies outside scale {scale.name!r}, {scale.low:g}.."
            f"{scale.high:g}: name the scale of the data, or clip what a model predicted to it."
        )
    share = (values - scale.low) / (scale.high - scale.low)
    unit = (2 * share - 1).masked_fill(absent, torch.nan)
    return unit.masked_fill(absent.any(-1, keepdim=True), torch.nan)
