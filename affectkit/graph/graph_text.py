"""A label graph as one line of text, for places that hold plain values only, such as a checkpoint."""

from __future__ import annotations

import json

import torch

from affectkit.graph.error import LabelGraphError
from affectkit.graph.label_graph import LabelGraph
from affectkit.labels import AffectScale, LabelSpace


def graph_to_text(graph: LabelGraph) -> str:
    """Nodes and links of a graph as JSON; what the links were chosen by is left out.

    Examples:
        >>> text = graph_to_text(LabelGraph.affectnet7())
        >>> torch.equal(graph_from_text(text).adjacency, LabelGraph.affectnet7().adjacency)
        True
    """
    places = graph.adjacency.nonzero().tolist()
    return json.dumps(
        {
            "space": graph.space.to_dict(),
            "scale": None if graph.scale is None else graph.scale.to_dict(),
            # repr of a float64, which reads back as the same number
            "links": [[i, j, float(graph.adjacency[i, j])] for i, j in places],
            "origin": graph.origin,
        },
        sort_keys=True,
        ensure_ascii=False,
    )


def graph_from_text(text: str) -> LabelGraph:
    """Read what :func:`graph_to_text` gave.

    Raises:
        LabelGraphError: If it is something else.
    """
    try:
        stored = json.loads(text)
        space = LabelSpace.from_dict(stored["space"])
        scale = None if stored["scale"] is None else AffectScale.from_dict(stored["scale"])
        size = len(space) + (0 if scale is None else len(scale))
        adjacency = torch.zeros(size, size, dtype=torch.float64)
        for i, j, weight in stored["links"]:
            adjacency[i, j] = weight
        return LabelGraph(space, adjacency, scale, origin=str(stored["origin"]))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise LabelGraphError(
            f"The text of a label graph is damaged ({error}): name a file that `affectkit graph make` wrote."
        ) from error
