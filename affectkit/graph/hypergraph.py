"""Hypergraphs over samples: who shares an attribute, or lies close by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affectkit.graph.error import LabelGraphError


@dataclass(frozen=True, eq=False)
class Hypergraph:
    """Sets of nodes, as a list of memberships.

    Args:
        node: Node of each membership.
        edge: Hyperedge of each membership.
        num_nodes: Number N of nodes.
        names: Name of each hyperedge, M of them.
        weight: Weight of each hyperedge; all 1 where None.

    Shape:
        - node, edge: (nnz,) int64
        - weight: (M,)

    Raises:
        LabelGraphError: If a membership names a node or hyperedge that is not there, or shapes differ.

    Examples:
        >>> graph = attribute_hypergraph({"age": ["20s", "30s", "20s"], "scene": [None, "a", "a"]})
        >>> graph.names, graph.num_nodes
        (('age=20s', 'age=30s', 'scene=a'), 3)
    """

    node: Tensor
    edge: Tensor
    num_nodes: int
    names: tuple[str, ...]
    weight: Tensor | None = None

    def __post_init__(self) -> None:
        if self.node.shape != self.edge.shape or self.node.ndim != 1:
            raise LabelGraphError(
                f"A hypergraph got nodes of shape {tuple(self.node.shape)} and hyperedges of shape "
                f"{tuple(self.edge.shape)}: give one of each a membership."
            )
        for name, index, size in (
            ("node", self.node, self.num_nodes),
            ("hyperedge", self.edge, len(self.names)),
        ):
            if len(index) and not (int(index.min()) >= 0 and int(index.max()) < size):
                raise LabelGraphError(
                    f"A hypergraph names {name}s {int(index.min())} to {int(index.max())}, but has {size}: "
                    "number them from 0."
                )
        if self.weight is not None and (
            self.weight.shape != (len(self.names),) or not bool((self.weight > 0).all())
        ):
            raise LabelGraphError(
                f"A hypergraph of {len(self.names)} hyperedges needs a positive weight for each."
            )

    @property
    def num_edges(self) -> int:
        """Number M of hyperedges."""
        return len(self.names)

    def to(self, device: torch.device | str) -> Hypergraph:
        """The same hypergraph on another device."""
        weight = None if self.weight is None else self.weight.to(device)
        return Hypergraph(self.node.to(device), self.edge.to(device), self.num_nodes, self.names, weight)


def attribute_hypergraph(columns: Mapping[str, Sequence[str | int | None]]) -> Hypergraph:
    """A hyperedge for each value of each attribute, over the samples that have it.

    Never give it what is to be predicted: labels of training samples would leak to their neighbours.

    Args:
        columns: Values of each attribute, one a sample; None where it is not known.

    Raises:
        LabelGraphError: If columns differ in length.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise LabelGraphError(
            f"attribute_hypergraph got columns of lengths {lengths}: give one value a sample."
        )
    numbers: dict[tuple[str, str | int], int] = {}
    node: list[int] = []
    edge: list[int] = []
    for name in sorted(columns):
        for sample, value in enumerate(columns[name]):
            if value is not None:
                node.append(sample)
                edge.append(numbers.setdefault((name, value), len(numbers)))
    names = tuple(f"{name}={value}" for name, value in numbers)
    members = torch.tensor([node, edge], dtype=torch.int64)
    return Hypergraph(members[0], members[1], next(iter(lengths.values())), names)


def knn_hypergraph(features: Tensor, k: int) -> Hypergraph:
    """A hyperedge for each sample, over itself and its k - 1 nearest by Euclidean distance.

    Among equally near samples the first are taken, so that the result depends on nothing else; features
    of few distinct values, such as one-hot attributes, belong into :func:`attribute_hypergraph`.

    Args:
        features: Features (N, D), continuous.
        k: Samples of each hyperedge, the sample itself included.

    Raises:
        LabelGraphError: If k does not lie in 1..N, or a feature is not finite.

    Examples:
        >>> knn_hypergraph(torch.tensor([[0.0], [1.0], [5.0]]), 2).node.tolist()
        [0, 1, 1, 0, 2, 1]
    """
    size = len(features)
    if features.ndim != 2 or not 1 <= k <= size:
        raise LabelGraphError(
            f"knn_hypergraph got features of shape {tuple(features.shape)} and k={k}: give (N, D) and a k "
            "in 1..N."
        )
    if not bool(features.isfinite().all()):
        raise LabelGraphError(
            "knn_hypergraph got a feature that is not finite, and nothing is near to that: leave out such "
            "samples or columns, or fill them."
        )
    node: list[Tensor] = []
    for start in range(0, size, 1024):
        part = torch.arange(start, min(start + 1024, size), device=features.device)
        distance = torch.cdist(features[part].double(), features.double())
        # Itself first, whoever else lies in the same place.
        distance[torch.arange(len(part), device=features.device), part] = -1.0
        node.append(distance.sort(dim=1, stable=True).indices[:, :k].flatten())
    edge = torch.arange(size, device=features.device).repeat_interleave(k)
    return Hypergraph(torch.cat(node), edge, size, tuple(f"near {sample}" for sample in range(size)))


def joined_hypergraph(*parts: Hypergraph) -> Hypergraph:
    """The hyperedges of several hypergraphs over the same nodes.

    Raises:
        LabelGraphError: If they have different numbers of nodes, or there is none.
    """
    if len({part.num_nodes for part in parts}) != 1:
        raise LabelGraphError(
            f"joined_hypergraph got hypergraphs of {[part.num_nodes for part in parts]} nodes: give at least "
            "one, all over the same nodes."
        )
    edges: list[Tensor] = []
    weights: list[Tensor] = []
    offset = 0
    for part in parts:
        edges.append(part.edge + offset)
        weight = part.weight
        weights.append(torch.ones(part.num_edges, device=part.edge.device) if weight is None else weight)
        offset += part.num_edges
    weighted = any(part.weight is not None for part in parts)
    return Hypergraph(
        torch.cat([part.node for part in parts]),
        torch.cat(edges),
        parts[0].num_nodes,
        tuple(name for part in parts for name in part.names),
        torch.cat(weights) if weighted else None,
    )
