"""Graph convolutions over label nodes: from label vectors to one row of weights a label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, cast

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

    def state_key(self) -> tuple[object, ...]:
        """Something that differs after every step, load or move of a parameter or buffer."""
        state = (*self.weights, self.embeddings, *self.propagation.state_tensors())
        return tuple((part.data_ptr(), part._version, part.dtype) for part in state)

    def forward(self) -> Tensor:
        """Rows of all labels."""
        return self._last_layer(self._last_nodes())

    def scores(self, features: Tensor) -> Tensor:
        """Products of features (..., widths[-1]) with all rows: (..., N).

        The same as with the rows from :meth:`forward` up to rounding, in the order of products that costs
        least: few features meet the weights of the last layer before its nodes do, so that no row is
        made, and P then acts on their scores.
        """
        nodes, weight = self._last_nodes(), self.weights[-1]
        few, count = features.numel() // features.shape[-1], len(nodes)
        hidden, width = weight.shape
        waits = isinstance(self.propagation, DensePropagation) and not self._last_is_folded()
        waits = waits and few < min(hidden, width)
        if few * hidden * (width + count) < count * width * (hidden + few):
            if not waits and not self._last_is_folded():
                nodes = self.propagation(nodes)
            products = F.linear(F.linear(features, weight), nodes)
        else:
            products = F.linear(features, nodes @ weight if waits else self._last_layer(nodes))
        if not waits:
            return products
        (matrix, *_) = self.propagation.state_tensors()
        return F.linear(products, matrix)

    def _last_is_folded(self) -> bool:
        return self.folded and len(self.weights) == 1

    def _last_nodes(self) -> Tensor:
        """What the last layer starts from (N, width)."""
        nodes = self.embeddings
        # A list: a slice of the parameters is a module of its own, which torch.export cannot follow.
        for number, weight in enumerate(list(self.weights)[:-1]):
            made = nodes @ weight if number == 0 and self.folded else self._layer(nodes, weight)
            nodes = F.leaky_relu(made, self.negative_slope)
        return nodes

    def _last_layer(self, nodes: Tensor) -> Tensor:
        weight = self.weights[-1]
        return nodes @ weight if self._last_is_folded() else self._layer(nodes, weight)

    def _layer(self, nodes: Tensor, weight: Tensor) -> Tensor:
        """One layer, P on the narrower side of the weights."""
        if weight.shape[0] <= weight.shape[1]:
            return cast(Tensor, self.propagation(nodes) @ weight)
        return cast(Tensor, self.propagation(nodes @ weight))
