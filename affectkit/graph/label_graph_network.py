"""Graph convolutions over label nodes: from label vectors to one row of weights a label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.graph.dense_propagation import DensePropagation

if TYPE_CHECKING:
    from affectkit.graph.geometric_bridge import EdgePropagation


class LabelGraphNetwork(nn.Module):
    r"""Layers :math:`X_{l+1} = P\, \phi(X_l) W_l` without bias; :math:`\phi` is a leaky ReLU after the first.

    Where the matrix P and the label vectors are both fixed, so is their product: it is computed once, and
    the first layer costs no more than a linear one. Every other layer multiplies by P on its narrower
    side.

    Args:
        embeddings: Label vectors E.
        propagation: Matrix P, e.g. :meth:`LabelGraph.propagation`.
        widths: Width of each layer; the last is that of the rows it makes.
        negative_slope: Slope of the leaky ReLU below 0.
        learnable_propagation: Whether P is learnt, from the values given.
        learnable_embeddings: Whether the label vectors are learnt, from the values given.
        sparse: Whether to pass messages over the edges of P by torch-geometric, for large graphs with
            few links. The same numbers up to rounding; where P is learnt, only its edges are.

    Shape:
        - embeddings: (N, E)
        - propagation: (N, N)
        - output: (N, widths[-1])

    Raises:
        ValueError: If shapes do not fit, or there is no layer.

    References:
        Thomas N. Kipf, Max Welling. Semi-Supervised Classification with Graph Convolutional Networks.
        ICLR 2017. arXiv:1609.02907. Zhao-Min Chen, Xiu-Shen Wei, Peng Wang, Yanwen Guo. Multi-Label Image
        Recognition with Graph Convolutional Networks. CVPR 2019. arXiv:1904.03582.

    Examples:
        >>> network = LabelGraphNetwork(torch.eye(3), torch.eye(3), widths=(8, 4))
        >>> tuple(network().shape)
        (3, 4)
    """

    embeddings: Tensor

    def __init__(
        self,
        embeddings: Tensor,
        propagation: Tensor,
        *,
        widths: Sequence[int],
        negative_slope: float = 0.2,
        learnable_propagation: bool = False,
        learnable_embeddings: bool = False,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        if embeddings.ndim != 2 or propagation.shape != (len(embeddings), len(embeddings)):
            raise ValueError(
                f"LabelGraphNetwork got embeddings of shape {tuple(embeddings.shape)} and a propagation of "
                f"shape {tuple(propagation.shape)}: give (N, E) and (N, N)."
            )
        if not widths or min(widths) < 1:
            raise ValueError(
                f"LabelGraphNetwork got widths={tuple(widths)}: give at least one width of 1 or more."
            )
        self.negative_slope = negative_slope
        self.propagation: DensePropagation | EdgePropagation
        if sparse:
            from affectkit.graph.geometric_bridge import EdgePropagation

            self.propagation = EdgePropagation(propagation.float(), learnable=learnable_propagation)
        else:
            self.propagation = DensePropagation(propagation.float(), learnable=learnable_propagation)
        #: Whether the stored vectors are already multiplied by P.
        self.folded = not (learnable_propagation or learnable_embeddings)
        start = embeddings.detach().float().clone()
        if learnable_embeddings:
            self.embeddings = nn.Parameter(start)
        else:
            self.register_buffer("embeddings", propagation.detach().float() @ start if self.folded else start)
        sizes = [embeddings.shape[1], *widths]
        self.weights = nn.ParameterList(torch.empty(a, b) for a, b in pairwise(sizes))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from U(-1/sqrt(n), 1/sqrt(n)), n the width they lead to."""
        for weight in self.weights:
            bound = 1.0 / math.sqrt(weight.shape[1])
            nn.init.uniform_(weight, -bound, bound)

    def may_wait(self, num_features: int) -> bool:
        """Whether the last product with P costs less on the scores of so many features."""
        waits = isinstance(self.propagation, DensePropagation) and len(self.weights) > int(self.folded)
        return waits and num_features < min(self.weights[-1].shape)

    def complete_scores(self, scores: Tensor) -> Tensor:
        """Products with complete rows, from products (..., N) with rows that are not complete."""
        (matrix, *_) = self.propagation.state_tensors()
        return F.linear(scores, matrix)

    def state_key(self) -> tuple[object, ...]:
        """Something that differs after every step, load or move of a parameter or buffer."""
        state = (*self.weights, self.embeddings, *self.propagation.state_tensors())
        return tuple((part.data_ptr(), part._version, part.dtype) for part in state)

    def forward(self, *, complete: bool = True) -> Tensor:
        """Rows of all labels.

        Args:
            complete: Whether the last product with P is made. Without it, :meth:`complete_scores` makes
                it on the products of features and rows, which is cheaper for few features.
        """
        nodes = self.embeddings
        for number, weight in enumerate(self.weights):
            if number > 0:
                nodes = F.leaky_relu(nodes, self.negative_slope)
            done = (number == 0 and self.folded) or (number == len(self.weights) - 1 and not complete)
            if done:
                nodes = nodes @ weight
            elif weight.shape[0] <= weight.shape[1]:
                nodes = self.propagation(nodes) @ weight
            else:
                nodes = self.propagation(nodes @ weight)
        return nodes
