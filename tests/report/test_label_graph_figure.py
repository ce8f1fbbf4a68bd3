"""The picture of a label graph shows its links and their strengths."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from affectkit.graph import LabelGraph
from affectkit.labels import LabelSpace
from affectkit.report.figures import label_graph_figure
from affectkit.report.figures.style import PALETTE


def patches(axes: Axes, kind: type) -> list[object]:
    return [patch for patch in axes.patches if isinstance(patch, kind)]


def labels(axes: Axes) -> list[str]:
    return [tick.get_text() for tick in axes.get_xticklabels()]


def draw(graph: LabelGraph) -> tuple[Figure, list[Axes]]:
    figure = label_graph_figure(graph)
    figure.canvas.draw()
    return figure, figure.axes


def test_lines_are_the_links_in_the_colour_of_their_sign() -> None:
    graph = LabelGraph.affectnet7()
    _, (ring, matrix, _) = draw(graph)
    lines = [patch for patch in ring.patches if isinstance(patch, FancyArrowPatch)]
    assert len(lines) == 12  # two for five of the categories, one for happy and one for surprise
    assert graph.statistics is not None
    positive = sum(
        graph.statistics[i, j] > 0 and graph.adjacency[i, j] > 0 for i in range(9) for j in range(i)
    )
    blue = [line for line in lines if to_hex(line.get_edgecolor(), keep_alpha=False) == PALETTE[0].lower()]
    assert len(blue) == positive == 5
    widest = max(lines, key=lambda line: line.get_linewidth())
    assert widest in blue  # happy and valence, 0.86
    assert len(patches(matrix, Rectangle)) == 24
    shown = [text.get_text() for text in matrix.texts]
    assert shown.count("0.86") == 2 and "0.04" in shown


def test_a_link_one_way_is_an_arrow_and_a_node_without_links_is_dashed() -> None:
    space = LabelSpace("three.v1", ("calm", "happy", "sad"))
    graph = LabelGraph(space, torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    _, (ring, matrix, _) = draw(graph)
    (line,) = [patch for patch in ring.patches if isinstance(patch, FancyArrowPatch)]
    assert line.get_arrowstyle().__class__.__name__ == "CurveFilledB"
    styles = {text.get_text(): text.get_bbox_patch() for text in ring.texts if text.get_bbox_patch()}
    dashed = {name for name, box in styles.items() if box is not None and box.get_linestyle() == "--"}
    assert dashed == {"sad"}
    assert labels(matrix) == ["calm", "happy", "sad"]


def test_a_large_graph_is_a_matrix_alone() -> None:
    space = LabelSpace("many.v1", tuple(f"label {number}" for number in range(120)))
    _, axes = draw(LabelGraph(space, torch.eye(120)))
    assert len(axes) == 2  # the matrix and its scale
    assert len(labels(axes[0])) == 40
    values = np.asarray(axes[0].images[0].get_array())
    assert values.shape == (120, 120) and np.isfinite(values).all()
