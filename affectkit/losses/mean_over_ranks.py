"""A mean over something other than rows, in a form that adds up over ranks."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.distributed import all_reduce_sum, world_size


def mean_over_ranks(total: Tensor, divisor: Tensor, rows: Tensor, *, gather: bool) -> tuple[Tensor, Tensor]:
    r"""This rank's part of :math:`\sum_r S_r / \sum_r K_r`, as a mean over its rows, and their number.

    .. math:: L_r = \frac{S_r}{n_r} \frac{\sum_r n_r}{\sum_r K_r}, \qquad
        \frac{\sum_r n_r L_r}{\sum_r n_r} = \frac{\sum_r S_r}{\sum_r K_r}

    A loss that is divided by triplets, of which a batch has millions, thus still counts by its rows in a sum
    with others.

    Args:
        total: :math:`S_r`.
        divisor: :math:`K_r`, a whole number.
        rows: :math:`n_r`, a whole number.
        gather: Whether sums go over all ranks, or this one alone.
    """
    number = rows.to(total.dtype)
    if not gather or world_size() == 1:
        return total / divisor.clamp(min=1).to(total.dtype), number
    sums = all_reduce_sum(torch.stack([divisor.long(), rows.long()])).to(total.dtype)
    all_divisor, all_rows = sums.clamp(min=1)
    return total * (all_rows / all_divisor / number.clamp(min=1)), number
