"""The only module that touches torch-geometric: graphs of labels and of turns as lists of edges."""

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


class RelationConvolution(nn.Module):
    r"""Relational graph convolution with weighted edges.

    .. math:: x'_i = \sum_r \sum_{j \in N_i^r} \frac{w_{ij}}{|N_i^r|} x_j W_r,
        \qquad W_r = \sum_b a_{rb} V_b

    What a node receives over one relation is summed first and multiplied then, so the cost grows with the
    relations that occur, not with edges times relations.

    Args:
        in_dim: Width of the nodes.
        out_dim: Width of the result.
        num_relations: Number of relations.
        num_bases: Number of matrices V that the relations share; None = a matrix for each relation.

    Shape:
        - nodes: (N, in_dim)
        - sender, receiver, relation: (E,) int64
        - weight: (E,)
        - output: (N, out_dim), 0 for a node without an edge.

    References:
        M. Schlichtkrull, T. N. Kipf, P. Bloem, R. van den Berg, I. Titov, M. Welling. Modeling Relational
        Data with Graph Convolutional Networks. ESWC 2018. arXiv:1703.06103.

    Deviation from the paper:
        No term of the node itself; torch-geometric's ``RGCNConv`` has no weights of edges.
    """

    def __init__(
        self, in_dim: int, out_dim: int, *, num_relations: int, num_bases: int | None = None
    ) -> None:
        super().__init__()
        from torch_geometric.nn import SimpleConv

        self.num_relations = num_relations
        self.bases = nn.Parameter(torch.empty(num_bases or num_relations, in_dim, out_dim))
        self.share = None if num_bases is None else nn.Parameter(torch.empty(num_relations, num_bases))
        self.gather: nn.Module = SimpleConv(aggr="sum")
        for matrix in self.bases.data.unbind(0):
            nn.init.xavier_uniform_(matrix)
        if self.share is not None:
            nn.init.xavier_uniform_(self.share)

    def forward(
        self, nodes: Tensor, sender: Tensor, receiver: Tensor, *, relation: Tensor, weight: Tensor
    ) -> Tensor:
        """Pass messages; see the class for shapes."""
        count = len(nodes)
        # Sorted, so that the rows of a relation are neighbours.
        pair, place = torch.unique(relation * count + receiver, return_inverse=True)
        number = torch.bincount(place, minlength=len(pair))
        share = (weight / number[place]).to(nodes.dtype)
        received: Tensor = self.gather(
            (nodes, None), torch.stack([sender, place]), share, size=(count, len(pair))
        )
        rows = torch.bincount(pair // count, minlength=self.num_relations).tolist()
        moved = torch.cat(
            [part @ matrix for part, matrix in zip(torch.split(received, rows), self._matrices())]
        )
        return moved.new_zeros(count, moved.shape[-1]).index_add(0, pair % count, moved)

    def _matrices(self) -> tuple[Tensor, ...]:
        if self.share is None:
            return self.bases.unbind(0)
        return torch.einsum("rb,bio->rio", self.share, self.bases).unbind(0)


class NeighbourConvolution(nn.Module):
    r"""Graph convolution :math:`x'_i = W_0 x_i + b + W \sum_{j \in N_i} x_j`, by torch-geometric.

    Args:
        in_dim: Width of the nodes.
        out_dim: Width of the result.

    Shape:
        - nodes: (N, in_dim)
        - sender, receiver: (E,) int64
        - output: (N, out_dim)

    References:
        C. Morris, M. Ritzert, M. Fey, W. L. Hamilton, J. E. Lenssen, G. Rattan, M. Grohe. Weisfeiler and
        Leman Go Neural: Higher-order Graph Neural Networks. AAAI 2019. arXiv:1810.02244.
    """

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        from torch_geometric.nn import GraphConv

        self.convolution: nn.Module = GraphConv(in_dim, out_dim, aggr="add")

    def forward(self, nodes: Tensor, sender: Tensor, receiver: Tensor) -> Tensor:
        """Pass messages; see the class for shapes."""
        result: Tensor = self.convolution(nodes, torch.stack([sender, receiver]))
        return result


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
