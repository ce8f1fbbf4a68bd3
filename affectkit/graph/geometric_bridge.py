"""The only module that touches torch-geometric: label graphs as lists of edges."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from affectkit.graph.label_graph import LabelGraph

if TYPE_CHECKING:
    from torch_geometric import EdgeIndex
    from torch_geometric.data import Data


class EdgePropagation(nn.Module):
    r"""The step :math:`X' = P X` over the edges of P alone, by torch-geometric.

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
        super().__init__()
        self.num_nodes = len(propagation)
        self.learnable = learnable
        receiver, sender = propagation.nonzero(as_tuple=True)
        weight = propagation[receiver, sender].detach().clone()
        self.register_buffer("edge_index", torch.stack([sender, receiver]))
        if learnable:
            self.edge_weight = nn.Parameter(weight)
        else:
            self.register_buffer("edge_weight", weight)
        self._sorted: tuple[tuple[int, int], EdgeIndex] | None = None

    def forward(self, nodes: Tensor) -> Tensor:
        """Sum what each node receives."""
        from torch_geometric.nn import SimpleConv

        weight = self.edge_weight.to(nodes.dtype)
        if self.learnable:
            received: Tensor = SimpleConv(aggr="sum")(nodes, self.edge_index, weight)
            return received
        # Compressed rows: no copy of a node for each of its edges. They send no gradient to weights.
        product: Tensor = self._edges().matmul(nodes, weight)
        return product

    def _edges(self) -> EdgeIndex:
        from torch_geometric import EdgeIndex

        key = (self.edge_index.data_ptr(), self.edge_index._version)
        if self._sorted is None or self._sorted[0] != key:
            size = (self.num_nodes, self.num_nodes)
            edges = EdgeIndex(self.edge_index.flip(0), sparse_size=size, sort_order="row")
            with warnings.catch_warnings():
                # torch says so the first time a process makes compressed rows.
                warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
                warnings.filterwarnings("ignore", "Sparse invariant checks are implicitly disabled")
                edges.fill_cache_()
                edges.matmul(torch.zeros(self.num_nodes, 1, device=edges.device))
            self._sorted = (key, edges)
        return self._sorted[1]

    def __getstate__(self) -> dict[str, object]:
        # The sorted edges are a copy of the buffer in torch-geometric's own class, and not moved with it.
        return {**self.__dict__, "_sorted": None}

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
