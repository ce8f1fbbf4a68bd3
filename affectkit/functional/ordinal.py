"""Probabilities of ordered levels from one score and the thresholds between them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def ordinal_log_probabilities(score: Tensor, thresholds: Tensor) -> Tensor:
    r"""Log-probabilities of K levels under the proportional-odds model.

    .. math:: P(y \le k) = \sigma(b_k - s), \qquad
        \log P(y = k) = \log\bigl(\sigma(b_k - s) - \sigma(b_{k-1} - s)\bigr)

    with :math:`b_{-1} = -\infty` and :math:`b_{K-1} = \infty`. Their softmax is the probabilities again, so
    that cross entropy over them is the likelihood of the model.

    Args:
        score: :math:`s`, larger for higher levels.
        thresholds: :math:`b`, ascending.

    Shape:
        - score: (...)
        - thresholds: (K - 1,)
        - output: (..., K)

    References:
        Peter McCullagh. Regression Models for Ordinal Data. Journal of the Royal Statistical Society B
        42(2), 1980.

    Examples:
        >>> ordinal_log_probabilities(torch.zeros(1), torch.zeros(1)).exp().tolist()
        [[0.5, 0.5]]
    """
    upper = thresholds - score.unsqueeze(-1)
    lower, middle_upper = upper[..., :-1], upper[..., 1:]
    # log(sigma(u) - sigma(l)) = log sigma(u) + log sigma(-l) + log(1 - exp(l - u)): no difference of
    # two numbers near 1, whose logarithm far from the threshold would be -inf.
    gap = torch.log(-torch.expm1(lower - middle_upper))
    middle = F.logsigmoid(middle_upper) + F.logsigmoid(-lower) + gap
    return torch.cat([F.logsigmoid(upper[..., :1]), middle, F.logsigmoid(-upper[..., -1:])], -1)
