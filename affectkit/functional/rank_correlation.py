"""Spearman's rank correlation of columns in which values may be tied or absent."""

from __future__ import annotations

import torch
from torch import Tensor


def midranks(values: Tensor, count: Tensor) -> Tensor:
    """Rank of each row from 1, equal values sharing the mean of their ranks.

    Args:
        values: (n,) without NaN.
        count: (n,) how often each row stands for itself, in float64.

    Examples:
        >>> midranks(torch.tensor([3.0, 1.0, 3.0]), torch.ones(3, dtype=torch.float64)).tolist()
        [2.5, 1.0, 2.5]
    """
    levels, place = torch.unique(values, return_inverse=True)
    mass = torch.zeros(len(levels), dtype=torch.float64, device=values.device).index_add(0, place, count)
    return (mass.cumsum(0) - (mass - 1) / 2)[place]


def rank_correlation(columns: Tensor, count: Tensor | None = None) -> Tensor:
    r"""Spearman correlation of every pair of columns, over the rows in which both are present.

    .. math:: \rho_{ij} = \operatorname{corr}(\operatorname{rank}(x_i), \operatorname{rank}(x_j))

    A column of 0 and 1 is a category: ties share their mean rank. Where a side is constant, or a pair
    has no row, there is no correlation: 0, on the diagonal as well.

    Args:
        columns: Values; NaN marks one that is absent.
        count: How often each row counts, whole numbers; once each where None.

    Shape:
        - columns: (n, N)
        - count: (n,)
        - output: (N, N) in float64

    Raises:
        ValueError: If the shapes do not fit.

    References:
        Charles Spearman. The Proof and Measurement of Association between Two Things. American Journal
        of Psychology 15(1), 1904.

    Examples:
        >>> joy = torch.tensor([0.0, 0.0, 1.0, 1.0])
        >>> valence = torch.tensor([-0.9, 0.1, 0.3, 0.8])
        >>> round(rank_correlation(torch.stack([joy, valence], 1))[0, 1].item(), 4)
        0.8944
    """
    if columns.ndim != 2 or (count is not None and count.shape != columns.shape[:1]):
        raise ValueError(
            f"rank_correlation got columns of shape {tuple(columns.shape)} and count of shape "
            f"{None if count is None else tuple(count.shape)}; give (n, N) and (n,)."
        )
    rows, width = columns.shape
    often = columns.new_ones(rows, dtype=torch.float64) if count is None else count.to(torch.float64)
    result = torch.zeros(width, width, dtype=torch.float64, device=columns.device)
    if rows == 0 or width == 0:
        return result
    # Columns that are absent in the same rows share one selection of rows, so that the usual case,
    # categories beside dimensions, ranks each column once or twice and not once for every partner.
    present, group = torch.unique(~columns.isnan().T, dim=0, return_inverse=True)
    for first in range(len(present)):
        for second in range(first, len(present)):
            keep = present[first] & present[second]
            if not bool(keep.any()):
                continue
            left, right = (group == first).nonzero().flatten(), (group == second).nonzero().flatten()
            weight = often[keep]
            x = _standardised_ranks(columns[keep][:, left], weight)
            y = x if first == second else _standardised_ranks(columns[keep][:, right], weight)
            block = (x.T @ y).clamp(-1.0, 1.0)
            result[left.unsqueeze(1), right] = block
            result[right.unsqueeze(1), left] = block.T
    return result


def _standardised_ranks(columns: Tensor, count: Tensor) -> Tensor:
    """Ranks of each column, centred and scaled so that a product of two columns is their correlation."""
    ranks = torch.stack([midranks(column, count) for column in columns.unbind(1)], 1)
    share = count.unsqueeze(1)
    centred = ranks - (share * ranks).sum(0) / count.sum()
    # Compared by extremes: the rounded variance of a constant is not always 0.
    varies = ranks.amax(0) > ranks.amin(0)
    length = (share * centred.square()).sum(0).sqrt()
    return torch.where(varies, share.sqrt() * centred / torch.where(varies, length, 1.0), 0.0)
