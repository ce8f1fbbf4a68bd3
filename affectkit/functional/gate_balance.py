"""How far the average gate is from sharing equally."""

from __future__ import annotations

import torch
from torch import Tensor


def gate_balance(shares: Tensor, present: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence of the mean gate from equal shares among what is present.

    .. math::
        D = \sum_m \bar a_m \log \frac{\bar a_m}{\bar u_m}, \qquad
        u_{i,m} = \frac{p_{i,m}}{\sum_n p_{i,n}}

    with means over the rows that have any modality. Where all rows have all M modalities this is
    :math:`\log M - H(\bar a)`. It is 0 where the gate is fair on average, whatever it does in single
    rows, and 0 where no row has any modality.

    Args:
        shares: Shares, 0 where absent; those of a row sum to 1.
        present: Which modalities a row has.

    Shape:
        - shares: (N, M)
        - present: (N, M) bool
        - output: scalar, float32 or float64

    Examples:
        >>> flags = torch.ones(2, 2, dtype=torch.bool)
        >>> gate_balance(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), flags).item()
        0.0
        >>> round(gate_balance(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), flags).item(), 4)
        0.6931
    """
    shares = shares.to(torch.promote_types(shares.dtype, torch.float32))
    there = present.to(shares.dtype)
    rows = present.any(dim=-1).sum().clamp(min=1)
    fair = (there / there.sum(dim=-1, keepdim=True).clamp(min=1)).sum(dim=0) / rows
    mean = shares.masked_fill(~present, 0.0).sum(dim=0) / rows
    # A share of 0 costs 0 and has a finite gradient, which xlogy would not give; a modality that no row has
    # would divide by 0.
    log_mean = mean.clamp(min=torch.finfo(mean.dtype).tiny).log()
    return (mean * (log_mean - fair.masked_fill(fair == 0, 1.0).log())).sum()
