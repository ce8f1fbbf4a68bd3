"""A graph convolution that never forgets what its nodes were at the start."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class InitialResidualLayer(nn.Module):
    r"""Layer l of a GCNII with a matrix for each of its inputs.

    .. math:: h' = \mathrm{relu}\bigl(\theta [\hat A h, h_0] W
        + (1 - \theta) ((1 - \alpha) \hat A h + \alpha h_0)\bigr), \qquad \theta = \ln(\lambda / l + 1)

    Args:
        dim: Width of the nodes.
        number: l, from 1.
        alpha: Share of the first state.
        strength: :math:`\lambda`, by which deeper layers come nearer to the identity.

    Shape:
        - propagated: :math:`\hat A h` (..., dim)
        - start: :math:`h_0` (..., dim)
        - output: (..., dim)

    References:
        M. Chen, Z. Wei, Z. Huang, B. Ding, Y. Li. Simple and Deep Graph Convolutional Networks. ICML 2020.
        arXiv:2007.02133.
    """

    def __init__(self, dim: int, *, number: int, alpha: float, strength: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.theta = math.log(strength / number + 1.0)
        self.weight = nn.Linear(2 * dim, dim, bias=False)

    def forward(self, propagated: Tensor, start: Tensor) -> Tensor:
        """Next state of the nodes."""
        learnt: Tensor = self.weight(torch.cat([propagated, start], dim=-1))
        kept = (1.0 - self.alpha) * propagated + self.alpha * start
        return torch.relu(self.theta * learnt + (1.0 - self.theta) * kept)
