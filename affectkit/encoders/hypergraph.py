"""Samples seen in the light of those that share a hyperedge with them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.functional.hypergraph_propagation import HypergraphNormalization, hypergraph_propagation
from affectkit.graph import Hypergraph
from affectkit.types import Encoding


class HypergraphEncoder(nn.Module):
    r"""Hypergraph convolutions over all samples at once.

    .. math:: X_{l+1} = \mathrm{relu}(P (X_l \Theta_l + b_l))

    P averages over hyperedges and back, see :func:`affectkit.functional.hypergraph_propagation`; the
    last layer has no activation. It is transductive: samples of every split are nodes, and the loss
    reads those of the training split by their row weights.

    Args:
        in_dim: Width D of the node features.
        out_dim: Width of the encoding.
        hidden_dims: Widths between the convolutions.
        normalization: ``"symmetric"`` as in HGNN, ``"row"`` as in torch-geometric's ``HypergraphConv``.
        dropout: Share of features dropped before each convolution in training.

    Shape:
        - x: (N, in_dim), a row for each node of the hypergraph.
        - output: ``pooled`` (N, out_dim).

    Raises:
        ValueError: If a number is out of range, or the features do not fit the nodes.

    References:
        Yifan Feng, Haoxuan You, Zizhao Zhang, Rongrong Ji, Yue Gao. Hypergraph Neural Networks. AAAI
        2019. arXiv:1809.09401.

    Examples:
        >>> import torch
        >>> from affectkit.graph import attribute_hypergraph
        >>> graph = attribute_hypergraph({"age": ["20s", "30s", "20s"]})
        >>> tuple(HypergraphEncoder(6, 4)(torch.zeros(3, 6), graph).pooled.shape)
        (3, 4)
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        hidden_dims: Sequence[int] = (64,),
        normalization: HypergraphNormalization = "symmetric",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = (in_dim, *hidden_dims, out_dim)
        if min(widths) < 1 or not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"HypergraphEncoder got the widths {widths} and dropout={dropout}: give widths of 1 or more "
                "and a share in [0, 1)."
            )
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.normalization: HypergraphNormalization = normalization
        self.dropout = dropout
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor, hypergraph: Hypergraph) -> Encoding:
        """Encode every node."""
        if x.shape != (hypergraph.num_nodes, self.in_dim):
            raise ValueError(
                f"HypergraphEncoder got features of shape {tuple(x.shape)} for {hypergraph.num_nodes} nodes: "
                f"give ({hypergraph.num_nodes}, {self.in_dim})."
            )
        for number, layer in enumerate(self.layers):
            if number > 0:
                x = F.relu(x)
            mixed: Tensor = layer(F.dropout(x, self.dropout, self.training))
            x = hypergraph_propagation(
                mixed,
                hypergraph.node,
                hypergraph.edge,
                num_edges=hypergraph.num_edges,
                weight=hypergraph.weight,
                normalization=self.normalization,
            )
        return Encoding(x)
