"""Label graphs over the 28 emotions of GoEmotions and the three dimensions of EmoBank.

No text has both a category and dimensions, so nothing can be correlated over texts. What a graph is made
from instead is said by each rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor

from affectkit.graph import LabelGraph, RankStatistics
from affectkit.labels import AffectScale, LabelSpace

#: Two nodes are linked from this strength on; chosen by looking at the strengths, before any training.
ANCHOR_THRESHOLD: Final = 0.3
RANK_THRESHOLD: Final = 0.1
COOCCURRENCE_THRESHOLD: Final = 0.05
COSINE_THRESHOLD: Final = 0.4


class GraphParts(NamedTuple):
    """What the rules read.

    Shape:
        - labels: (n, C) 0/1, the training comments.
        - vectors: (C + V, E), a row for the name of each category and dimension.
        - anchors: (C, V) in 0..1, what a lexicon says of each category; None without a lexicon.
    """

    space: LabelSpace
    scale: AffectScale
    labels: Tensor
    vectors: Tensor
    anchors: Tensor | None


def anchor_rows(parts: GraphParts) -> Tensor:
    """Ratings (C, V) of the labels, for what cannot do without them."""
    if parts.anchors is None:
        raise ValueError("Nothing says what the labels are rated by: give --lexicon FILE.")
    return parts.anchors


def unlinked(parts: GraphParts) -> LabelGraph:
    """No link at all: what generating weights from label vectors does by itself."""
    size = len(parts.space) + len(parts.scale)
    return LabelGraph(parts.space, torch.eye(size), parts.scale, origin="no link")


def by_anchors(parts: GraphParts, *, self_weight: float = 0.5) -> LabelGraph:
    """Word and dimension, where the lexicon rates the word far from the middle of the dimension."""
    classes = len(parts.space)
    strength = torch.eye(classes + len(parts.scale), dtype=torch.float64)
    strength[:classes, classes:] = 2 * anchor_rows(parts) - 1
    strength[classes:, :classes] = strength[:classes, classes:].T
    return LabelGraph.from_correlation(
        strength,
        space=parts.space,
        scale=parts.scale,
        threshold=ANCHOR_THRESHOLD,
        self_weight=self_weight,
        origin="anchors",
    )


def by_anchors_mostly_itself(parts: GraphParts) -> LabelGraph:
    """The links of :func:`by_anchors`; a node keeps nine tenths of itself instead of the published half.

    Half, where no two categories are linked, ties the scores of all linked categories to those of the
    dimensions: their sums are equal, for any features and weights.
    """
    return by_anchors(parts, self_weight=0.9)


def by_rank(parts: GraphParts) -> LabelGraph:
    """Rank correlation over comments, their dimensions being the mean rating of their labels."""
    scale = parts.scale
    rated = parts.labels.double() @ anchor_rows(parts) / parts.labels.sum(1, keepdim=True)
    counted = RankStatistics(parts.space, scale)
    counted.update(parts.labels, scale.low + (scale.high - scale.low) * rated)
    return LabelGraph.from_statistics(
        counted.compute(), space=parts.space, scale=scale, threshold=RANK_THRESHOLD
    )


def by_cooccurrence(parts: GraphParts) -> LabelGraph:
    """Labels that a comment has together; the dimensions stay without a link."""
    labels = parts.labels.double()
    found = LabelGraph.from_cooccurrence(
        labels.T @ labels, space=parts.space, threshold=COOCCURRENCE_THRESHOLD, self_weight=0.5
    )
    classes = len(parts.space)
    adjacency = torch.eye(classes + len(parts.scale), dtype=torch.float64)
    adjacency[:classes, :classes] = found.adjacency
    return LabelGraph(parts.space, adjacency, parts.scale, origin=found.origin)


def by_embeddings(parts: GraphParts) -> LabelGraph:
    """Names, of words and of dimensions, that the text encoder puts near each other."""
    return LabelGraph.from_embeddings(
        parts.vectors, space=parts.space, scale=parts.scale, threshold=COSINE_THRESHOLD
    )


RULES: Final[Mapping[str, Callable[[GraphParts], LabelGraph]]] = {
    "no link": unlinked,
    "anchors": by_anchors,
    "anchors, self weight 0.9": by_anchors_mostly_itself,
    "rank over anchors": by_rank,
    "co-occurrence": by_cooccurrence,
    "embeddings": by_embeddings,
}
#: Rules that a graph cannot be made by without a lexicon.
RATED: Final = frozenset({"anchors", "anchors, self weight 0.9", "rank over anchors"})


def links(graph: LabelGraph) -> dict[str, int]:
    """Links of a graph: between two categories, and of a category or dimension with a dimension."""
    there = graph.adjacency.clone().fill_diagonal_(0.0) > 0
    classes = graph.num_classes
    inner = int(there[:classes, :classes].sum())
    return {"between categories": inner, "with dimensions": int(there.sum()) - inner}
