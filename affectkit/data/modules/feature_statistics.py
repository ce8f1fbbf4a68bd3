"""Mean and deviation of stored features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class FeatureStatistics(NamedTuple):
    """Mean and deviation of each column of a modality's features.

    Attributes:
        mean: (D,) float64.
        deviation: (D,) float64, population standard deviation (division by the number of rows).
        rows: Number of rows.
    """

    mean: Tensor
    deviation: Tensor
    rows: int


def feature_statistics(blocks: Iterable[Tensor], *, dim: int) -> FeatureStatistics:
    r"""Mean and deviation of all rows in one float64 pass.

    Blocks of rows are merged by the parallel update :math:`M \leftarrow M + M_b + \delta^2 \frac{n
    n_b}{n + n_b}`, with :math:`\delta` the difference of the means: no sum of squares, which would
    cancel where the mean is large.

    Args:
        blocks: Tensors (n, D), one after the other.
        dim: Width D.

    References:
        T. F. Chan, G. H. Golub, R. J. LeVeque. Updating Formulae and a Pairwise Algorithm for
        Computing Sample Variances. COMPSTAT 1982.

    Examples:
        >>> found = feature_statistics([torch.tensor([[1.0], [2.0]]), torch.tensor([[6.0]])], dim=1)
        >>> found.mean.item(), round(found.deviation.item(), 4), found.rows
        (3.0, 2.1602, 3)
    """
    rows, mean, squares = 0, torch.zeros(dim, dtype=torch.float64), torch.zeros(dim, dtype=torch.float64)
    for block in blocks:
        if not len(block):
            continue
        part = block.to(torch.float64)
        there = part.mean(dim=0)
        step, total = there - mean, rows + len(part)
        squares += (part - there).square().sum(dim=0) + step.square() * (rows * len(part) / total)
        mean += step * (len(part) / total)
        rows = total
    return FeatureStatistics(mean, (squares / max(1, rows)).sqrt(), rows)


def joined_statistics(parts: Sequence[FeatureStatistics]) -> FeatureStatistics:
    """Statistics of the rows of all parts together, by the same update; there is at least one part.

    Examples:
        >>> one, two = torch.tensor([[1.0], [2.0]]), torch.tensor([[6.0]])
        >>> found = joined_statistics([feature_statistics([rows], dim=1) for rows in (one, two)])
        >>> round(found.deviation.item(), 4), found.rows
        (2.1602, 3)
    """
    rows = sum(part.rows for part in parts)
    share = [part.rows / max(1, rows) for part in parts]
    mean = torch.stack([part.mean * weight for part, weight in zip(parts, share, strict=True)]).sum(dim=0)
    variance = torch.stack(
        [
            (part.deviation.square() + (part.mean - mean).square()) * weight
            for part, weight in zip(parts, share, strict=True)
        ]
    ).sum(dim=0)
    return FeatureStatistics(mean, variance.sqrt(), rows)
