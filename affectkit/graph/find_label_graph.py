"""A label graph by name, by file, or as it is."""

from __future__ import annotations

import os

from affectkit.graph.graph_text import graph_from_text
from affectkit.graph.label_graph import LabelGraph

#: Graphs that come with the library.
_PUBLISHED = {"affectnet7": LabelGraph.affectnet7}


def find_label_graph(graph: LabelGraph | str | os.PathLike[str]) -> LabelGraph:
    """A published graph by its name, or the graph in a file.

    Args:
        graph: ``"affectnet7"``, the path of what :meth:`LabelGraph.save` wrote, the text that
            :func:`graph_to_text` made of one, or a graph.

    Raises:
        LabelGraphError: If the file is absent, damaged, or no label graph.

    Examples:
        >>> find_label_graph("affectnet7").space.name
        'affectnet7.official'
    """
    if isinstance(graph, LabelGraph):
        return graph
    if isinstance(graph, str) and graph in _PUBLISHED:
        return _PUBLISHED[graph]()
    if isinstance(graph, str) and graph.startswith("{"):
        return graph_from_text(graph)
    return LabelGraph.load(graph)
