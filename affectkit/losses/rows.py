"""Which rows of a target count: the one divisor of all losses."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import Target


def real_rows(target: Target, like: Tensor) -> Tensor:
    """Rows that are not padding, as bool of the shape of ``like``.

    Args:
        target: Its weight marks padding by 0; without a weight every row is real.
        like: A tensor with one element a row, e.g. the labels.
    """
    if target.weight is None:
        return torch.ones_like(like, dtype=torch.bool)
    if target.weight.shape != like.shape:
        raise ValueError(
            f"Target.weight has the shape {tuple(target.weight.shape)} where the rows have the shape "
            f"{tuple(like.shape)}; give one weight a row."
        )
    return target.weight > 0


def mean_over_rows(rows: Tensor, counted: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Sum of weighted row losses over the number of counted rows, and that number.

    A row weight scales its row and does not change the divisor, as class weights do not: then
    the division is the same over ranks, accumulation steps and a single batch. Without counted
    rows the mean is a 0 that keeps the graph, since a rank without gradient stops the others.
    """
    kept = torch.where(counted, rows, 0.0)
    if weight is not None:
        kept = kept * weight.to(kept.dtype)
    number = counted.sum().to(kept.dtype)
    return kept.sum() / number.clamp(min=1), number


def row_like(target: Target) -> Tensor:
    """Some tensor of the target with one element a row."""
    for rows in (target.weight, target.label):
        if rows is not None:
            return rows
    for columns in (target.dims, target.distribution, target.multilabel):
        if columns is not None:
            return columns[..., 0]
    for extra in (target.extra or {}).values():
        # labels are whole numbers, one a row; values have a column each
        return extra[..., 0] if extra.is_floating_point() else extra
    raise ValueError("a sum of losses got a Target without any field; give the batch labels or dims.")
