"""How far people agree beyond chance."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

MeasurementLevel = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(ratings: Tensor, *, level: MeasurementLevel = "nominal") -> Tensor:
    r"""Krippendorff's alpha of several raters, who need not have rated everything.

    .. math:: \alpha = 1 - \frac{D_o}{D_e} = 1 - (n - 1)
        \frac{\sum_{ck} o_{ck}\, \delta^2_{ck}}{\sum_{ck} n_c\, n_k\, \delta^2_{ck}}

    :math:`o_{ck}` counts the pairs of ratings c and k of one unit, over the ratings of the unit less one,
    :math:`n_c` is its sum, n the number of ratings in units of two or more.
    :math:`\delta` is 1 between different labels (``nominal``), the difference (``interval``), or the ratings
    between two ranks, theirs by half (``ordinal``).

    1 is agreement, 0 what chance gives; below 0 raters disagree systematically. A rule of thumb asks for 0.8
    for firm conclusions and 0.667 for tentative ones; labels of emotions rarely reach either.

    Args:
        ratings: Labels or values of each rater, NaN where there is none.
        level: What differences mean.

    Shape:
        - ratings: (raters, units)
        - output: () float64; NaN where no unit has two ratings, or all ratings are one value

    Raises:
        ValueError: If ``ratings`` is no such table, or the level is unknown.

    References:
        Krippendorff, Content Analysis: An Introduction to Its Methodology, Sage, 2004, chapter 11.

    Examples:
        >>> import torch
        >>> nan = float("nan")
        >>> ratings = torch.tensor([[0, 1, 2, nan, 1], [0, 1, 2, 0, 1], [0, 1, 1, 0, nan]])
        >>> round(krippendorff_alpha(ratings).item(), 4)
        0.7692
    """
    if ratings.ndim != 2 or level not in get_args(MeasurementLevel):
        raise ValueError(
            f"krippendorff_alpha got ratings {tuple(ratings.shape)} and level {level!r}: give "
            f"(raters, units), and {', '.join(get_args(MeasurementLevel))}."
        )
    table = ratings.double()
    values, place = torch.unique(table[table.isfinite()], return_inverse=True)
    counts = torch.zeros(table.shape[1], len(values), dtype=torch.float64, device=table.device)
    unit = torch.arange(table.shape[1], device=table.device).expand_as(table)[table.isfinite()]
    counts.index_put_((unit, place), torch.ones_like(table[table.isfinite()]), accumulate=True)
    return alpha_of_counts(counts, values, level=level)


def alpha_of_counts(counts: Tensor, values: Tensor, *, level: MeasurementLevel = "nominal") -> Tensor:
    """Krippendorff's alpha of votes: how many raters gave each value to each unit.

    Args:
        counts: Votes; units of fewer than two do not count.
        values: What the columns stand for, rising; the numbers matter for ``interval`` only.
        level: What differences mean.

    Shape:
        - counts: (units, V)
        - values: (V,)
        - output: () float64; NaN where no unit has two votes, or all votes are one value

    Raises:
        ValueError: If the shapes do not fit.

    Examples:
        >>> import torch
        >>> votes = torch.tensor([[3, 0], [0, 3], [2, 1]])
        >>> round(alpha_of_counts(votes, torch.arange(2)).item(), 4)
        0.6
    """
    if counts.ndim != 2 or values.shape != counts.shape[1:]:
        raise ValueError(
            f"alpha_of_counts got counts {tuple(counts.shape)} and values {tuple(values.shape)}: give "
            "(units, V) and (V,)."
        )
    rated = counts.double()
    rated = rated[rated.sum(1) >= 2]
    coincidence = (rated.T / (rated.sum(1) - 1)) @ rated - torch.diag((rated.T / (rated.sum(1) - 1)).sum(1))
    total = coincidence.sum(1)
    if level == "nominal":
        distance = 1 - torch.eye(len(total), dtype=torch.float64, device=counts.device)
    elif level == "interval":
        distance = (values.double()[:, None] - values.double()).square()
    else:
        middle = total.cumsum(0) - total / 2
        distance = (middle[:, None] - middle).square()
    expected = (total[:, None] * total * distance).sum()
    return 1 - (total.sum() - 1) * (coincidence * distance).sum() / expected
