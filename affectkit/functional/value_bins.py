"""Values of a scale to equal bins, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


def value_bins(values: Tensor, num_bins: int, *, low: float, high: float) -> Tensor:
    r"""Which of K equal bins of a scale a value lies in.

    .. math:: b = \min\bigl(\lfloor K \, (x - l) / (h - l) \rfloor, K - 1\bigr)

    A bin holds its lower edge, the last one both; values beyond the scale are in the first or last.

    Args:
        values: Values; NaN = absent.
        num_bins: Number of bins K.
        low: Lowest value l of the scale.
        high: Highest value h of the scale.

    Shape:
        - values: (...)
        - output: (...) int64 from 0 to K - 1; -100 where absent

    Raises:
        ValueError: If there are less than two bins, or the scale is empty.

    Examples:
        >>> value_bins(torch.tensor([-1.0, -0.1, 0.0, 1.0, torch.nan]), 4, low=-1, high=1).tolist()
        [0, 1, 2, 3, -100]
    """
    _check(num_bins, low, high)
    absent = values.isnan()
    share = (values.masked_fill(absent, low) - low) / (high - low)
    place = (share * num_bins).floor().clamp(0, num_bins - 1).long()
    return place.masked_fill(absent, IGNORE_LABEL)


def bin_centres(num_bins: int, *, low: float, high: float) -> Tensor:
    r"""The middles of the bins, :math:`l + (h - l) (k + \frac12) / K`, (K,) float32.

    Raises:
        ValueError: If there are less than two bins, or the scale is empty.

    Examples:
        >>> bin_centres(4, low=-1, high=1).tolist()
        [-0.75, -0.25, 0.25, 0.75]
    """
    _check(num_bins, low, high)
    places = (torch.arange(num_bins, dtype=torch.float64) + 0.5) / num_bins
    return (low + (high - low) * places).float()


def _check(num_bins: int, low: float, high: float) -> None:
    if num_bins < 2 or not low < high:
        raise ValueError(
            f"{num_bins} bins of {low}..{high} cannot be told apart: give at least two, and low < high."
        )
