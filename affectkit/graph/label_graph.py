"""A graph whose nodes are the labels of a task: its categories, then its affect dimensions."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.functional import GraphNormalization, normalized_propagation
from affectkit.graph.affectnet_correlation import AFFECTNET_CORRELATION, AFFECTNET_CORRELATION_SOURCE
from affectkit.graph.error import LabelGraphError
from affectkit.graph.linked_adjacency import linked_adjacency
from affectkit.graph.rank_statistics import LabelStatistics, RankStatistics
from affectkit.graph.silent_nodes import warn_of_silent_nodes
from affectkit.graph.stored_graph import read_stored
from affectkit.labels import (
    AffectScale,
    LabelSpace,
    ValenceArousalWheel,
    affect_scale,
    label_space,
)
from affectkit.tensor_file import write_tensor_file

_FORMAT = "affectkit-label-graph"
_VERSION = "1"


@dataclass(frozen=True, eq=False)
class LabelGraph:
    r"""Categories and affect dimensions, and how much of each goes to which other.

    Row i of the adjacency says what node i sends: in a step :math:`X' = P X` of a graph convolution,
    P is the normalised transpose, :meth:`propagation`. The constructor takes an adjacency made by hand;
    the class methods make one.

    Args:
        space: Label order of the first C nodes.
        adjacency: Weights of 0 or more, the diagonal being what a node keeps of itself.
        scale: Affect dimensions of the last V nodes; None for categories only.
        statistics: What the links were chosen by, e.g. correlations, with their signs; for pictures.
        origin: How the graph was made, in words.

    Shape:
        - adjacency, statistics: (N, N), N = C + V

    Raises:
        LabelGraphError: If a matrix does not fit the nodes, or holds a negative weight or a NaN.

    References:
        The graph of Emotion-GCN, official code PanosAntoniadis/emotion-gcn; its rule for links and
        weights is that of Zhao-Min Chen, Xiu-Shen Wei, Peng Wang, Yanwen Guo. Multi-Label Image
        Recognition with Graph Convolutional Networks. CVPR 2019. arXiv:1904.03582.

    Examples:
        >>> space = LabelSpace("mine3.v1", ("calm", "happy", "sad"))
        >>> graph = LabelGraph.from_edges([("happy", "valence"), ("sad", "valence")], space=space,
        ...     scale=affect_scale("va.unit"))
        >>> graph.nodes, graph.isolated
        (('calm', 'happy', 'sad', 'valence', 'arousal'), ('calm', 'arousal'))
        >>> graph.adjacency[3].tolist()
        [0.0, 0.25, 0.25, 0.5, 0.0]
    """

    space: LabelSpace
    adjacency: Tensor
    scale: AffectScale | None = None
    statistics: Tensor | None = None
    origin: str = "by hand"

    def __post_init__(self) -> None:
        size = len(self.nodes)
        twice = sorted({node for node in self.nodes if self.nodes.count(node) > 1})
        if twice:
            raise LabelGraphError(
                f"The label graph over {self.space.name!r} has two nodes called {twice[0]!r}: a category "
                "and a dimension need different names."
            )
        for name in ("adjacency", "statistics"):
            matrix: Tensor | None = getattr(self, name)
            if matrix is None:
                continue
            if matrix.shape != (size, size):
                raise LabelGraphError(
                    f"The {name} of a label graph has the shape {tuple(matrix.shape)} for the {size} nodes "
                    f"{', '.join(self.nodes)}: give one row and one column a node."
                )
            if not bool(matrix.isfinite().all()):
                raise LabelGraphError(
                    f"The {name} of the label graph over {self.space.name!r} holds a NaN or an infinity at "
                    f"{self._place(~matrix.isfinite())}: give finite numbers, 0 where nothing is known."
                )
            object.__setattr__(self, name, matrix.detach().to(torch.float64).cpu())
        if bool((self.adjacency < 0).any()):
            raise LabelGraphError(
                f"The adjacency of the label graph over {self.space.name!r} is negative at "
                f"{self._place(self.adjacency < 0)}: give weights of 0 or more, e.g. absolute values."
            )

    @property
    def num_classes(self) -> int:
        """Number of categories C."""
        return len(self.space)

    @property
    def num_dims(self) -> int:
        """Number of affect dimensions V."""
        return 0 if self.scale is None else len(self.scale)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes: categories in label order, then dimensions in order of the scale."""
        return (*self.space.labels, *(() if self.scale is None else self.scale.axes))

    @property
    def isolated(self) -> tuple[str, ...]:
        """Nodes without a link; what a graph convolution makes of them is their own alone."""
        links = self.adjacency.clone().fill_diagonal_(0.0)
        alone = (links.sum(0) + links.sum(1)) == 0
        return tuple(node for node, free in zip(self.nodes, alone.tolist()) if free)

    def propagation(self, normalization: GraphNormalization = "symmetric") -> Tensor:
        """Matrix (N, N) that a graph convolution multiplies by, in float32.

        Args:
            normalization: See :func:`affectkit.functional.normalized_propagation`.
        """
        return normalized_propagation(self.adjacency, normalization).float()

    def require_nodes(self, space: LabelSpace, scale: AffectScale | None) -> None:
        """Refuse labels that are not the nodes of this graph, in their order.

        Raises:
            LabelGraphError: At the first difference; both orders are named.
        """
        if not self.space.same_order(space):
            raise LabelGraphError(
                f"The label graph is over {self.space.name!r} ({self.space.order()}), but the data over "
                f"{space.name!r} ({space.order()}): make the graph from this data by `affectkit graph make`."
            )
        axes, wanted = (() if part is None else part.axes for part in (self.scale, scale))
        if axes != wanted:
            raise LabelGraphError(
                f"The label graph over {self.space.name!r} has the dimensions {', '.join(axes) or 'none'}, "
                f"but the data {', '.join(wanted) or 'none'}: make the graph from this data with "
                "`affectkit graph make`."
            )

    @classmethod
    def from_annotations(
        cls,
        label: Tensor,
        dims: Tensor,
        *,
        space: LabelSpace,
        scale: AffectScale | None = None,
        threshold: float = 0.1,
        self_weight: float = 0.5,
        between_classes: bool = False,
    ) -> LabelGraph:
        """Link what goes together by rank in annotations that lie in memory.

        Annotations in parts, or on several ranks, are counted by
        :class:`~affectkit.graph.RankStatistics` and given to :meth:`from_statistics`. This is collective too:
        where there are several ranks, every one calls it with its own annotations.

        Args:
            label: Indices (n,) with -100, or shares or 0/1 (n, C) with NaN, where absent.
            dims: Values (n, V), NaN where absent.
            space: Label order.
            scale: Affect dimensions; by default valence and arousal in -1..1.
            threshold: See :meth:`from_correlation`, as the two after it.
            self_weight: Share that a node keeps.
            between_classes: Whether categories may be linked with each other.

        Raises:
            LabelGraphError: If a label or value is out of range.
        """
        counted = RankStatistics(space, scale or affect_scale("va.unit"))
        counted.update(label, dims)
        return cls.from_statistics(
            counted.compute(),
            space=space,
            scale=counted.scale,
            threshold=threshold,
            self_weight=self_weight,
            between_classes=between_classes,
        )

    @classmethod
    def from_statistics(
        cls,
        statistics: LabelStatistics,
        *,
        space: LabelSpace,
        scale: AffectScale | None,
        threshold: float = 0.1,
        self_weight: float = 0.5,
        between_classes: bool = False,
    ) -> LabelGraph:
        """Link what goes together by rank; a warning names nodes about which the data says nothing.

        Args:
            statistics: What :meth:`RankStatistics.compute` gave.
            space: Label order.
            scale: Affect dimensions.
            threshold: See :meth:`from_correlation`, as the two after it.
            self_weight: Share that a node keeps.
            between_classes: Whether categories may be linked with each other.
        """
        nodes = (*space.labels, *(() if scale is None else scale.axes))
        varies = statistics.correlation.diagonal() > 0
        unseen = [node for node, count in zip(nodes, statistics.support.tolist()) if count == 0]
        constant = [node for node, moves in zip(nodes, varies.tolist()) if not moves and node not in unseen]
        silent = warn_of_silent_nodes(space, unseen, constant)
        across = statistics.correlation[: len(space), len(space) :]
        if len(nodes) > len(space) and not silent and not bool(across.any()):
            warnings.warn(
                f"No label of {space.name!r} goes together with any dimension at all, as where no sample has "
                "both: link them by LabelGraph.from_anchors or from_embeddings, which read no annotation.",
                stacklevel=2,
            )
        return cls.from_correlation(
            statistics.correlation,
            space=space,
            scale=scale,
            threshold=threshold,
            self_weight=self_weight,
            between_classes=between_classes,
        )

    @classmethod
    def from_correlation(
        cls,
        correlation: Tensor,
        *,
        space: LabelSpace,
        scale: AffectScale | None,
        threshold: float = 0.1,
        self_weight: float = 0.5,
        between_classes: bool = False,
        origin: str = "rank correlation",
    ) -> LabelGraph:
        """Link nodes by a matrix of strengths, and weigh the links as published.

        Args:
            correlation: (N, N); its sign does not count.
            space: Label order.
            scale: Affect dimensions.
            threshold: Two nodes are linked from this absolute value on.
            self_weight: Share that a node keeps of itself; its neighbours get the rest in equal parts.
            between_classes: Whether categories may be linked with each other. Emotion-GCN: no.
            origin: How the strengths were found, in words.
        """
        _same_size(correlation, space, scale, "correlation")
        strength = correlation.detach().to(torch.float64).cpu()
        adjacency = linked_adjacency(
            strength,
            num_classes=len(space),
            threshold=threshold,
            self_weight=self_weight,
            between_classes=between_classes,
        )
        rule = f"{origin}, threshold {threshold:g}, self weight {self_weight:g}"
        return cls(space, adjacency, scale, strength, rule)

    @classmethod
    def from_cooccurrence(
        cls, counts: Tensor, *, space: LabelSpace, threshold: float = 0.4, self_weight: float = 0.75
    ) -> LabelGraph:
        r"""Link labels by the share of one's samples that have the other, :math:`P_{ij} = M_{ij} / M_{ii}`.

        A warning names labels without a sample.

        Args:
            counts: (C, C), samples that have both labels; the diagonal counts those that have one.
                ``multilabel.T @ multilabel``, summed over shards.
            space: Label order, usually of several labels a sample.
            threshold: :math:`P_{ij}` from which on i sends to j; the direction counts.
            self_weight: Share that a node keeps.

        References:
            Zhao-Min Chen, Xiu-Shen Wei, Peng Wang, Yanwen Guo. Multi-Label Image Recognition with
            Graph Convolutional Networks. CVPR 2019. arXiv:1904.03582.
        """
        _same_size(counts, space, None, "co-occurrence counts")
        pairs = counts.detach().to(torch.float64).cpu()
        if bool((pairs < 0).any()):
            raise LabelGraphError(f"A co-occurrence of {space.name!r} is negative: give counts of 0 or more.")
        own = pairs.diagonal().unsqueeze(1)
        warn_of_silent_nodes(space, [label for label, count in zip(space, own) if not count])
        share = torch.where(own > 0, pairs / own.where(own > 0, 1.0), 0.0)
        adjacency = linked_adjacency(
            share, num_classes=len(space), threshold=threshold, self_weight=self_weight, between_classes=True
        )
        rule = f"co-occurrence, threshold {threshold:g}, self weight {self_weight:g}"
        return cls(space, adjacency, None, share, rule)

    @classmethod
    def from_anchors(
        cls,
        space: LabelSpace,
        *,
        wheel: ValenceArousalWheel | None = None,
        scale: AffectScale | None = None,
        threshold: float = 0.3,
        self_weight: float = 0.5,
        between_classes: bool = False,
    ) -> LabelGraph:
        """Link labels by where they lie on the plane of valence and arousal; needs no data.

        A category is linked with valence where its anchor's valence is at least ``threshold`` away from
        0, and with arousal likewise; categories among each other by the wheel's similarity. Other axes have
        no anchor and stay without a link.

        Args:
            space: Label order.
            wheel: Anchors; the library's wheel where None.
            scale: Affect dimensions, valence or arousal among them; by default ``va.unit``.
            threshold: Distance from 0, or similarity, from which on two nodes are linked.
            self_weight: Share that a node keeps.
            between_classes: Whether categories may be linked with each other.

        Raises:
            UnknownLabelError: If a label has no anchor.
            LabelGraphError: If the scale has neither valence nor arousal.
        """
        wheel, scale = wheel or ValenceArousalWheel(), scale or affect_scale("va.unit")
        if not {"valence", "arousal"} & set(scale.axes):
            raise LabelGraphError(
                f"LabelGraph.from_anchors got scale {scale.name!r} with the axes {', '.join(scale.axes)}; "
                "the wheel has valence and arousal: link the nodes by hand with LabelGraph.from_edges."
            )
        classes = len(space)
        strength = torch.eye(classes + len(scale), dtype=torch.float64)
        strength[:classes, :classes] += torch.tensor(wheel.similarity(space), dtype=torch.float64)
        anchors = torch.tensor(wheel.anchors(space), dtype=torch.float64)
        for place, name in enumerate(("valence", "arousal")):
            if name in scale.axes:
                node = classes + scale.axes.index(name)
                strength[:classes, node] = strength[node, :classes] = anchors[:, place]
        return cls.from_correlation(
            strength,
            space=space,
            scale=scale,
            threshold=threshold,
            self_weight=self_weight,
            between_classes=between_classes,
            origin="valence-arousal anchors",
        )

    @classmethod
    def from_embeddings(
        cls,
        embeddings: Tensor,
        *,
        space: LabelSpace,
        scale: AffectScale | None = None,
        threshold: float = 0.5,
        self_weight: float = 0.5,
    ) -> LabelGraph:
        """Link labels whose vectors point the same way: cosine from ``threshold`` on.

        Cosines of sentence encoders often lie close together: look at ``statistics`` first.

        Args:
            embeddings: (N, E), a row for each category and then for each dimension.
            space: Label order.
            scale: Affect dimensions; None where there are rows for categories only.
            threshold: Cosine, or its absolute value, from which on two nodes are linked.
            self_weight: Share that a node keeps.
        """
        if embeddings.ndim != 2 or not bool(embeddings.isfinite().all()):
            raise LabelGraphError(
                f"LabelGraph.from_embeddings got a tensor of shape {tuple(embeddings.shape)}, or one with a "
                "number that is not finite: give (N, E), finite."
            )
        unit = F.normalize(embeddings.detach().to(torch.float64).cpu(), dim=1)
        return cls.from_correlation(
            unit @ unit.T,
            space=space,
            scale=scale,
            threshold=threshold,
            self_weight=self_weight,
            between_classes=True,
            origin="cosine of label embeddings",
        )

    @classmethod
    def from_edges(
        cls,
        edges: Iterable[Sequence[str]],
        *,
        space: LabelSpace,
        scale: AffectScale | None = None,
        self_weight: float = 0.5,
    ) -> LabelGraph:
        """Link named nodes by hand, both ways; weights as published.

        Args:
            edges: Pairs of node names; categories also by their aliases.
            space: Label order.
            scale: Affect dimensions.
            self_weight: Share that a node keeps.

        Raises:
            UnknownLabelError: If a name is none of the nodes.
            LabelGraphError: If an edge is no pair.
        """
        axes = () if scale is None else scale.axes
        links = torch.zeros(len(space) + len(axes), len(space) + len(axes))
        for edge in edges:
            if isinstance(edge, str) or len(edge) != 2:
                raise LabelGraphError(
                    f"LabelGraph.from_edges got the edge {edge!r}: give pairs of names, "
                    "such as ('happy', 'valence')."
                )
            i, j = (len(space) + axes.index(n) if n in axes else space.index(n) for n in edge)
            links[i, j] = links[j, i] = 1.0
        adjacency = linked_adjacency(
            links, num_classes=len(space), threshold=1.0, self_weight=self_weight, between_classes=True
        )
        return cls(space, adjacency, scale)

    @classmethod
    def affectnet7(cls) -> LabelGraph:
        """The graph of Emotion-GCN, from the published statistics of AffectNet.

        Examples:
            >>> graph = LabelGraph.affectnet7()
            >>> dict(zip(graph.nodes, graph.adjacency[1].tolist()))["valence"]
            0.5
        """
        return cls.from_correlation(
            torch.tensor(AFFECTNET_CORRELATION, dtype=torch.float64),
            space=label_space("affectnet7.official"),
            scale=affect_scale("va.affectnet"),
            origin=f"rank correlation of AffectNet ({AFFECTNET_CORRELATION_SOURCE})",
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph with its label space and scale; equal graphs give equal files."""
        matrices = {"adjacency": self.adjacency}
        if self.statistics is not None:
            matrices["statistics"] = self.statistics
        strings = {
            "format": _FORMAT,
            "version": _VERSION,
            "space": json.dumps(self.space.to_dict(), sort_keys=True),
            "origin": self.origin,
        }
        if self.scale is not None:
            strings["scale"] = json.dumps(self.scale.to_dict(), sort_keys=True)
        write_tensor_file(path, matrices, strings)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LabelGraph:
        """Read what :meth:`save` wrote.

        Raises:
            LabelGraphError: If the file is absent, damaged, or no label graph.
        """
        matrices, strings = read_stored(path)
        where = os.fspath(path)
        if strings.get("format") != _FORMAT or strings.get("version") != _VERSION:
            raise LabelGraphError(
                f"{where} is of format {strings.get('format')!r} version {strings.get('version')!r}, and "
                f"this affectkit reads {_FORMAT!r} version {_VERSION}: make it with `affectkit graph make`."
            )
        try:
            scale = strings.get("scale")
            return cls(
                LabelSpace.from_dict(json.loads(strings["space"])),
                matrices["adjacency"],
                None if scale is None else AffectScale.from_dict(json.loads(scale)),
                matrices.get("statistics"),
                strings.get("origin", ""),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise LabelGraphError(f"{where} is a damaged label graph ({error}): make it anew.") from error

    def _place(self, where: Tensor) -> str:
        row, column = where.nonzero()[0].tolist()
        return f"({self.nodes[row]}, {self.nodes[column]})"


def _same_size(matrix: Tensor, space: LabelSpace, scale: AffectScale | None, name: str) -> None:
    size = len(space) + (0 if scale is None else len(scale))
    if matrix.shape != (size, size) or not bool(matrix.isfinite().all()):
        raise LabelGraphError(
            f"The {name} for a label graph over {space.name!r} has the shape {tuple(matrix.shape)}, or "
            f"holds a NaN: give finite numbers, ({size}, {size})."
        )
