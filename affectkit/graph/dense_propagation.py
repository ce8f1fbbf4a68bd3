"""A step of a graph convolution as one product of matrices."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DensePropagation(nn.Module):
    r"""The step :math:`X' = P X` by one product; for the few nodes of a label space the fastest way.

    Args:
        propagation: P.
        learnable: Whether all of P is a parameter that starts from these values, so that links may come
            up where there were none.

    Shape:
        - propagation: (N, N)
        - input, output: (N, D)
    """

    matrix: Tensor

    def __init__(self, propagation: Tensor, *, learnable: bool = False) -> None:
        super().__init__()
        weight = propagation.detach().clone()
        if learnable:
            self.matrix = nn.Parameter(weight)
        else:
            self.register_buffer("matrix", weight)

    def forward(self, nodes: Tensor) -> Tensor:
        """Sum what each node receives."""
        return torch.mm(self.matrix, nodes)

    def state_tensors(self) -> tuple[Tensor, ...]:
        """What a step depends on beside its input."""
        return (self.matrix,)
