"""One step of a hypergraph convolution: nodes to hyperedges and back."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

#: How a node's hyperedges are averaged; see :func:`hypergraph_propagation`.
HypergraphNormalization: TypeAlias = Literal["symmetric", "row"]


def hypergraph_propagation(
    x: Tensor,
    node: Tensor,
    edge: Tensor,
    *,
    num_edges: int,
    weight: Tensor | None = None,
    normalization: HypergraphNormalization = "symmetric",
) -> Tensor:
    r"""Smooth node features over hyperedges.

    ========= ======================================================================
    symmetric :math:`D_v^{-1/2} H W D_e^{-1} H^\top D_v^{-1/2} X` (HGNN)
    row       :math:`D_v^{-1} H W D_e^{-1} H^\top X` (torch-geometric's ``HypergraphConv``)
    ========= ======================================================================

    H is the incidence, :math:`D_e` the number of nodes of each hyperedge, and :math:`D_v` the weight of
    each node's hyperedges. A node without a hyperedge becomes 0.

    Args:
        x: Features.
        node: Node of each incidence.
        edge: Hyperedge of each incidence.
        num_edges: Number M of hyperedges.
        weight: Weight W of each hyperedge; all 1 where None.
        normalization: One of the rows above.

    Shape:
        - x: (N, D)
        - node, edge: (nnz,) int64
        - weight: (M,)
        - output: (N, D)

    Raises:
        ValueError: If the normalisation is unknown.

    References:
        Yifan Feng, Haoxuan You, Zizhao Zhang, Rongrong Ji, Yue Gao. Hypergraph Neural Networks. AAAI
        2019. arXiv:1809.09401.

    Examples:
        >>> x = torch.tensor([[2.0], [4.0], [5.0]])
        >>> node, edge = torch.tensor([0, 1]), torch.tensor([0, 0])
        >>> hypergraph_propagation(x, node, edge, num_edges=1).tolist()
        [[3.0], [3.0], [0.0]]
    """
    if normalization not in get_args(HypergraphNormalization):
        raise ValueError(
            f"hypergraph_propagation got normalization={normalization!r}: give one of "
            f"{', '.join(get_args(HypergraphNormalization))}."
        )
    ones = x.new_ones(len(node))
    size = x.new_zeros(num_edges).index_add(0, edge, ones)
    worth = x.new_ones(num_edges) if weight is None else weight.to(x.dtype)
    degree = x.new_zeros(len(x)).index_add(0, node, worth[edge])
    # What has no degree divides by 1: nothing is multiplied by it anyway.
    degree = torch.where(degree > 0, degree, 1.0)
    scale = degree.rsqrt() if normalization == "symmetric" else degree.reciprocal()
    start = x * scale.unsqueeze(1) if normalization == "symmetric" else x
    gathered = x.new_zeros(num_edges, x.shape[1]).index_add(0, edge, start[node])
    gathered = gathered * (worth / size.clamp(min=1)).unsqueeze(1)
    spread = torch.zeros_like(x).index_add(0, node, gathered[edge])
    return spread * scale.unsqueeze(1)
