from __future__ import annotations

import pytest
import torch

from affectkit.graph import LabelGraph, LabelGraphError, find_label_graph, graph_from_text, graph_to_text
from affectkit.labels import AffectScale, LabelSpace


def test_a_graph_over_labels_of_ones_own_comes_back_to_the_last_bit() -> None:
    space = LabelSpace("mine3.v1", ("ruhig", "fröhlich", "traurig"), kind="multilabel")
    scale = AffectScale("stars.v1", ("valence",), low=1, high=5)
    matrix = torch.rand(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix[1, 2] = 0.0
    graph = LabelGraph(space, matrix, scale, origin="a test")
    again = find_label_graph(graph_to_text(graph))
    assert torch.equal(again.adjacency, matrix) and (again.space, again.scale) == (space, scale)
    assert again.origin == "a test"
    words = graph_from_text(graph_to_text(LabelGraph.from_edges([], space=space)))
    assert words.scale is None and torch.equal(words.adjacency, torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("text", ["{", "{}", '{"space": 1, "scale": null, "links": [], "origin": ""}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(LabelGraphError, match=r"text of a label graph is damaged"):
        find_label_graph(text)


def test_a_link_outside_the_nodes_is_refused() -> None:
    text = graph_to_text(LabelGraph.affectnet7()).replace('"links": [[0, 0,', '"links": [[40, 0,')
    with pytest.raises(LabelGraphError, match=r"damaged"):
        graph_from_text(text)
