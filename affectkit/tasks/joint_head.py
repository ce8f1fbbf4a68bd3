"""Heads over categories and dimensions by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple, TypeAlias

import torch

from affectkit.functional import GraphNormalization
from affectkit.graph import LabelGraph, read_label_embeddings
from affectkit.heads import (
    CategoricalDimensionalGraphHead,
    LabelDistributionHead,
    MultiTaskHead,
    OrdinalHead,
    SeparateHeads,
)
from affectkit.labels import AffectScale, LabelSpace, ValenceArousalWheel, affect_scale
from affectkit.types import Head

JointHeadName: TypeAlias = Literal["graph", "separate", "multi_task", "label_distribution", "ordinal"]
JOINT_HEADS: Final = ("graph", "separate", "multi_task", "label_distribution", "ordinal")

#: Width of random label vectors, that of the published word vectors.
_VECTOR_DIM: Final = 300


class GraphOptions(NamedTuple):
    """What the graph head is made from, beside the width of the features.

    Attributes:
        graph: Labels, dimensions and links; None where another head is wanted.
        hidden_dims: Widths between the graph convolutions.
        learnable_graph: Whether the links are learnt, from the graph's weights.
        vectors: File of label vectors; None draws them.
        vector_dim: Their width; None takes that of the file, or 300.
        learnable_vectors: Whether they are learnt, from the values given.
        vector_seed: Seed of those that are drawn.
        normalization: See :func:`affectkit.functional.normalized_propagation`.
        sparse: Whether the graph is used through torch-geometric.
        bias: Whether each label and each dimension has a learnt bias.
    """

    graph: LabelGraph | None = None
    hidden_dims: Sequence[int] = (512,)
    learnable_graph: bool = False
    vectors: str | None = None
    vector_dim: int | None = None
    learnable_vectors: bool = False
    vector_seed: int = 0
    normalization: GraphNormalization = "symmetric"
    sparse: bool = False
    bias: bool = False


def joint_head(
    name: JointHeadName,
    width: int,
    *,
    space: LabelSpace,
    scale: AffectScale,
    hidden_dim: int,
    dropout: float,
    bounded: bool,
    graph: GraphOptions,
) -> Head:
    """Make a head for features of ``width``.

    Args:
        name: Which one.
        width: Width D of the features.
        space: Categories in order; for ``"ordinal"`` lowest first.
        scale: Dimensions, and their range.
        hidden_dim: Width of a hidden layer; 0 = none. The graph head has none.
        dropout: Dropout before each linear layer; the graph head has none.
        bounded: Whether dimensions stay within the scale; what ``"label_distribution"`` and
            ``"ordinal"`` predict does anyway.
        graph: What ``"graph"`` is made from.

    Raises:
        ValueError: If labels or dimensions are none that the head can predict, a graph is missing or
            over other labels, or label vectors have another width.
        UnknownLabelError: If ``"label_distribution"`` finds no anchor of a label.
    """
    bounds = (scale.low, scale.high) if bounded else None
    num_classes, num_dims = len(space), len(scale)
    match name:
        case "graph":
            return _graph_head(width, space, scale, bounds=bounds, options=graph)
        case "separate":
            return SeparateHeads(
                width,
                num_classes=num_classes,
                num_dims=num_dims,
                hidden_dim=hidden_dim,
                dropout=dropout,
                bounds=bounds,
            )
        case "multi_task":
            return MultiTaskHead(
                width,
                num_classes=num_classes,
                num_dims=num_dims,
                hidden_dim=hidden_dim,
                dropout=dropout,
                bounds=bounds,
            )
        case "label_distribution":
            _require_one_label(space, name)
            return LabelDistributionHead(
                width, num_classes, anchors=anchors(space, scale), hidden_dim=hidden_dim, dropout=dropout
            )
        case "ordinal":
            _require_one_label(space, name)
            if num_dims != 1:
                raise ValueError(
                    f"the head 'ordinal' has one dimension, its levels, but the scale {scale.name!r} has "
                    f"{', '.join(scale.axes)}: choose a scale of one axis, or another head."
                )
            values = torch.linspace(scale.low, scale.high, num_classes, dtype=torch.float64).tolist()
            return OrdinalHead(width, num_classes, hidden_dim=hidden_dim, dropout=dropout, values=values)


def anchors(space: LabelSpace, scale: AffectScale) -> list[list[float]]:
    """Valence and arousal of each label on the wheel, in the axes and range of a scale.

    Raises:
        ValueError: If the scale has an axis that the wheel lacks.
        UnknownLabelError: If a label is not on the wheel.

    Examples:
        >>> from affectkit.labels import label_space
        >>> anchors(label_space("meld7.official"), affect_scale("va.one_to_nine"))[0]
        [5.0, 5.0]
    """
    wheel = affect_scale("va.unit")
    missing = [axis for axis in scale.axes if axis not in wheel.axes]
    if missing:
        raise ValueError(
            f"the head 'label_distribution' takes {missing[0]!r} of the scale {scale.name!r} from the "
            "anchors of the labels, which have valence and arousal: choose a scale of these, or another head."
        )
    rows = (wheel.convert(point, scale) for point in ValenceArousalWheel().anchors(space))
    return [[float(value or 0.0) for value in row] for row in rows]


def _require_one_label(space: LabelSpace, name: str) -> None:
    if space.kind == "multilabel":
        raise ValueError(
            f"the head {name!r} chooses one label, but {space.name!r} allows several: choose 'graph', "
            "'separate' or 'multi_task'."
        )


def _graph_head(
    width: int,
    space: LabelSpace,
    scale: AffectScale,
    *,
    bounds: tuple[float, float] | None,
    options: GraphOptions,
) -> CategoricalDimensionalGraphHead:
    if options.graph is None:
        raise ValueError(
            "the head 'graph' got no graph: make one from your data with `affectkit graph make SHARDS "
            "graph.safetensors` and name the file, or give 'affectnet7', or choose another head."
        )
    options.graph.require_nodes(space, scale)
    nodes, dim = options.graph.nodes, options.vector_dim
    vectors = None if options.vectors is None else read_label_embeddings(options.vectors, nodes)
    if vectors is not None and dim is not None and vectors.shape[1] != dim:
        raise ValueError(
            f"the label vectors of {options.vectors} are {vectors.shape[1]} wide, but {dim} is asked for: "
            f"set label_vector_dim to {vectors.shape[1]} or leave it out, or name the file of "
            "other vectors."
        )
    return CategoricalDimensionalGraphHead(
        width,
        # Its links do not depend on the range, which is the task's to say.
        replace(options.graph, scale=scale),
        label_embeddings=vectors,
        embedding_dim=_VECTOR_DIM if dim is None else dim,
        hidden_dims=tuple(options.hidden_dims),
        normalization=options.normalization,
        learnable_adjacency=options.learnable_graph,
        learnable_embeddings=options.learnable_vectors,
        sparse=options.sparse,
        bias=options.bias,
        bounds=bounds,
        seed=options.vector_seed,
    )
