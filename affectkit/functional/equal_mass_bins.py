"""Bins of equally many rows."""

from __future__ import annotations

import torch
from torch import Tensor


def equal_mass_sums(confidence: Tensor, correct: Tensor, *, num_bins: int = 15) -> Tensor:
    """Rows, summed confidence and right answers of K bins that hold equally many rows.

    Bins of equal width are nearly empty where a model is hardly ever unsure; these are not. Rows of one
    confidence stay together, in the bin of the first of them, so that the order of rows does not matter.

    Args:
        confidence: Probability of the answer.
        correct: Whether the answer is right.
        num_bins: Number of bins K.

    Shape:
        - confidence: (N,) float
        - correct: (N,) bool or 0/1
        - output: (K, 3) float64: rows, sum of confidence, right answers; lowest confidence first

    Raises:
        ValueError: If shapes differ, or there is no bin.

    References:
        Nguyen and O'Connor, Posterior Calibration and Exploratory Analysis for Natural Language Processing
        Models, EMNLP 2015, arXiv:1508.05154. That ties stay together is ours.

    Examples:
        >>> import torch
        >>> sums = equal_mass_sums(torch.tensor([0.9, 0.5, 0.5, 0.8]), torch.tensor([1, 0, 1, 1]), num_bins=2)
        >>> sums[:, 0].tolist()
        [2.0, 2.0]
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape or num_bins < 1:
        raise ValueError(
            f"equal_mass_sums got confidences {tuple(confidence.shape)}, answers {tuple(correct.shape)} and "
            f"num_bins={num_bins}: give one of each per row, and a bin or more."
        )
    value, order = confidence.detach().double().sort()
    rows = torch.stack([torch.ones_like(value), value, correct.detach().double()[order]], -1)
    # How many rows are strictly less confident: the place of the first of a group of equals.
    first = torch.searchsorted(value, value)
    index = first * num_bins // max(len(value), 1)
    sums = torch.zeros(num_bins, 3, dtype=torch.float64, device=value.device)
    return sums.index_add_(0, index, rows)
