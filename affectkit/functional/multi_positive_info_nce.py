"""Contrast of each row with candidates of which several may be right."""

from __future__ import annotations

import torch
from torch import Tensor


def multi_positive_info_nce_rows(scores: Tensor, positive: Tensor, candidate: Tensor | None = None) -> Tensor:
    r"""Minus the logarithm of the share that the positives of a row hold in its softmax.

    .. math:: \ell_i = -\log \sum_{j \in P(i)}
        \frac{\exp z_{ij}}{\sum_{k \in K} \exp z_{ik}}

    It is 0 where every candidate is positive, and 0 in rows without a positive. With one positive a
    row it is InfoNCE.

    Args:
        scores: Similarities z over a temperature.
        positive: True for the pairs (i, j) with j in P(i).
        candidate: True for the columns K that count; all where absent.

    Shape:
        - scores, positive: (n, N)
        - candidate: (N,)
        - output: (n,) in float32, or float64 where ``scores`` are

    Examples:
        >>> import torch
        >>> own = torch.eye(2, dtype=torch.bool)
        >>> multi_positive_info_nce_rows(torch.zeros(2, 2), own).tolist()
        [0.6931471824645996, 0.6931471824645996]
    """
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    allowed = torch.ones_like(positive) if candidate is None else candidate.expand_as(positive)
    hit = positive & allowed
    real = hit.any(-1)
    # Filled with the lowest finite number, not -inf: the slope of a logsumexp over nothing is NaN.
    lowest = torch.finfo(scores.dtype).min
    scores = torch.where(real.unsqueeze(-1), scores, 0.0)
    whole = scores.masked_fill(~allowed, lowest).logsumexp(-1)
    share = scores.masked_fill(~hit, lowest).logsumexp(-1)
    return torch.where(real, whole - share, 0.0)
