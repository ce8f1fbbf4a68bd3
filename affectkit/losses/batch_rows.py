"""Vectors of all ranks for losses over the moments of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from affectkit.distributed import all_gather_rows
from affectkit.losses.labelled_rows import named_rows
from affectkit.losses.rows import real_rows
from affectkit.types import AffectOutput, Target


class BatchRows(NamedTuple):
    """Each view's rows (N, D) that are not padding, and how many of them this rank holds.

    The number is 0 where all ranks together hold fewer than two: they have no moments.
    """

    views: list[Tensor]
    number: Tensor


def batch_rows(
    output: AffectOutput, target: Target, loss: str, *, views: Sequence[str] = (), gather: bool
) -> BatchRows:
    """Take the rows that are not padding.

    Args:
        output: Needs ``embedding``, or the ``views`` named.
        target: Its weight marks padding by 0.
        loss: Name of the loss, for the error.
        views: Names of the views; none takes the embedding.
        gather: Whether to take those of all ranks.

    Raises:
        ValueError: If a part is missing, or views have different rows.
    """
    tensors = [named_rows(output, loss, name) for name in views or (None,)]
    if len({tensor.shape[:-1] for tensor in tensors}) > 1:
        raise ValueError(
            f"{loss} got views of shapes {', '.join(str(tuple(tensor.shape)) for tensor in tensors)}: give "
            "each the same rows."
        )
    real = real_rows(target, tensors[0][..., 0])
    kept = [tensor[real] for tensor in tensors]
    if gather:
        kept = [all_gather_rows(rows) for rows in kept]
    number = real.sum().to(kept[0].dtype)
    return BatchRows(kept, number if len(kept[0]) > 1 else 0 * number)
