"""First and second moments of predictions and targets, absent targets left out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PairedMoments(NamedTuple):
    """Population moments of each dimension, all (V,), and whether a side takes two values at all.

    ``num_rows`` is the number of rows that are kept, or the sum of their weights.
    """

    mean_x: Tensor
    mean_y: Tensor
    variance_x: Tensor
    variance_y: Tensor
    covariance: Tensor
    varies_x: Tensor
    varies_y: Tensor
    num_rows: Tensor


def paired_moments(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, *, weighted: bool = False
) -> PairedMoments:
    """Moments over all rows; NaN in ``target`` and rows of weight 0 are left out.

    Args:
        prediction: Predicted values x.
        target: True values y; NaN marks a value that is absent.
        weight: Rows of weight 0 are skipped; a positive weight only keeps its row, unless ``weighted``.
        weighted: Whether positive weights weigh the rows in every moment.

    Shape:
        - prediction, target: (..., V)
        - weight: (...)

    Raises:
        ValueError: If the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"paired_moments got predictions of shape {tuple(prediction.shape)} for targets of shape "
            f"{tuple(target.shape)}; give both as (..., V)."
        )
    dims = prediction.shape[-1]
    x = prediction.to(torch.promote_types(prediction.dtype, torch.float32)).reshape(-1, dims)
    y = target.to(x.dtype).reshape(-1, dims)
    real = ~y.isnan()
    if weight is not None:
        real = real & (weight.reshape(-1, 1) > 0)
    share = real.to(x.dtype)
    if weighted and weight is not None:
        share = torch.where(real, weight.reshape(-1, 1).to(x.dtype), 0.0)
    count = share.sum(0)
    divisor = torch.where(count > 0, count, 1.0)
    x = torch.where(real, x, 0.0)
    y = torch.where(real, y, 0.0)
    mean_x, mean_y = (share * x).sum(0) / divisor, (share * y).sum(0) / divisor
    dx = torch.where(real, x - mean_x, 0.0)
    dy = torch.where(real, y - mean_y, 0.0)
    return PairedMoments(
        mean_x=mean_x,
        mean_y=mean_y,
        variance_x=(share * dx.square()).sum(0) / divisor,
        variance_y=(share * dy.square()).sum(0) / divisor,
        covariance=(share * dx * dy).sum(0) / divisor,
        varies_x=_varies(x.detach(), real),
        varies_y=_varies(y, real),
        num_rows=count,
    )


def _varies(values: Tensor, real: Tensor) -> Tensor:
    # Compared by extremes: the variance of a constant is rounding noise, not always 0. The row of
    # neutral elements lets an empty batch through.
    edge = values.new_full((1, values.shape[-1]), float("inf"))
    highest = torch.cat([values.masked_fill(~real, float("-inf")), -edge]).amax(0)
    lowest = torch.cat([values.masked_fill(~real, float("inf")), edge]).amin(0)
    # Not `highest > lowest`: NaN predictions must not pass for a constant, which scores 0.
    return ~(highest <= lowest)
