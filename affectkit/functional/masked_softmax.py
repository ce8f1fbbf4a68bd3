"""Softmax over what is there."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_softmax(scores: Tensor, mask: Tensor, *, dim: int = -1) -> Tensor:
    r"""Softmax along ``dim`` over the places where ``mask`` is True, 0 elsewhere.

    .. math:: a_i = \frac{m_i e^{s_i}}{\sum_j m_j e^{s_j}}

    A row without any such place gives 0 throughout, not NaN, and a gradient of 0.

    Args:
        scores: Scores, finite where ``mask`` is True.
        mask: True = takes part.
        dim: Axis to share 1 along.

    Shape:
        - scores: any
        - mask: broadcastable to ``scores``
        - output: that of ``scores``

    Examples:
        >>> flags = torch.tensor([[True, True, False], [False, False, False]])
        >>> masked_softmax(torch.zeros(2, 3), flags).tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    # The lowest finite number, not -inf: a row without any place must not become NaN.
    lowest = torch.finfo(scores.dtype).min
    return torch.softmax(scores.masked_fill(~mask, lowest), dim=dim).masked_fill(~mask, 0.0)
