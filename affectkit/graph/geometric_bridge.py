"""The only module that touches torch-geometric: label graphs as lists of edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from affectkit.graph.label_graph import LabelGraph

if TYPE_CHECKING:
    from torch_geometric.data import Data


class EdgePropagation(nn.Module):
    r"""The step :math:`X' = P X` over the edges of P alone, by torch-geometric's message passing.

    No normalisation and no loops are added: P holds both. Equal to the product with P up to rounding.

    Args:
        propagation: P; what is 0 in it is no edge, and stays none where weights are learnt.
        learnable: Whether the weights of the edges are parameters.

    Shape:
        - propagation: (N, N)
        - input, output: (N, D)
    """

    edge_index: Tensor
    edge_weight: Tensor

    def __init__(self, propagation: Tensor, *, learnable: bool = False) -> None:
        from torch_geometric.nn import SimpleConv

        super().__init__()
        receiver, sender = propagation.nonzero(as_tuple=True)
        weight = propagation[receiver, sender].detach().clone()
        self.register_buffer("edge_index", torch.stack([sender, receiver]))
        if learnable:
            self.edge_weight = nn.Parameter(weight)
        else:
            self.register_buffer("edge_weight", weight)
        self.sum = SimpleConv(aggr="sum")

    def forward(self, nodes: Tensor) -> Tensor:
        """Sum what each node receives."""
        received: Tensor = self.sum(nodes, self.edge_index, self.edge_weight.to(nodes.dtype))
        return received

    def state_tensors(self) -> tuple[Tensor, ...]:
        """What a step depends on beside its input."""
        return (self.edge_index, self.edge_weight)


def geometric_data(graph: LabelGraph, embeddings: Tensor | None = None) -> Data:
    """A label graph as torch-geometric's ``Data``, for its own layers and transforms.

    Edges run from sender to receiver with the weights of the adjacency, loops included.

    Args:
        graph: The graph.
        embeddings: Vectors (N, E) of the nodes, as ``x``.
    """
    from torch_geometric.data import Data

    sender, receiver = graph.adjacency.nonzero(as_tuple=True)
    return Data(
        x=embeddings,
        edge_index=torch.stack([sender, receiver]),
        edge_weight=graph.adjacency[sender, receiver].float(),
        num_nodes=len(graph.nodes),
    )
