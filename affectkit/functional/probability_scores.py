"""Proper scores of predicted probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


def brier_rows(log_probabilities: Tensor, label: Tensor) -> Tensor:
    r"""Squared distance between the probabilities and the truth, one value a row.

    .. math:: \sum_c (p_c - [c = y])^2

    Args:
        log_probabilities: Logarithms of the probabilities of C classes.
        label: Class indices; rows of -100 give 0.

    Shape:
        - log_probabilities: (N, C)
        - label: (N,) int64
        - output: (N,) float64 in [0, 2]

    References:
        Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review, 1950. The
        sum over classes is his; half of it, and the mean over classes, are in use too.

    Examples:
        >>> import torch
        >>> round(brier_rows(torch.tensor([[0.8, 0.2]]).log(), torch.tensor([0])).item(), 6)
        0.08
    """
    known = label != IGNORE_LABEL
    chances = log_probabilities.double().exp()
    truth = torch.nn.functional.one_hot(label.where(known, 0), chances.shape[-1])
    return (chances - truth).square().sum(-1) * known


def nll_rows(log_probabilities: Tensor, label: Tensor) -> Tensor:
    """Negative logarithm of the probability of the truth in nats, one value a row; rows of -100 give 0.

    Shape:
        - log_probabilities: (N, C)
        - label: (N,) int64
        - output: (N,) float64, 0 and more

    Examples:
        >>> import torch
        >>> round(nll_rows(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([1])).item(), 6)
        0.693147
    """
    known = label != IGNORE_LABEL
    picked = log_probabilities.double().gather(-1, label.where(known, 0).unsqueeze(-1)).squeeze(-1)
    return -picked.where(known, 0.0)
