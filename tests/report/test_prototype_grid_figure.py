"""The picture of a prototype grid shows counts, filled cells and classes where they are."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.patches import FancyArrowPatch, Rectangle

from affectkit.distill import VAPrototypeGrid
from affectkit.report.figures import prototype_grid_figure


def test_counts_filled_cells_and_classes_stand_where_they_belong() -> None:
    counts = torch.tensor([0, 4, 0, 7, 1, 2, 3, 5, 6])
    grid = VAPrototypeGrid(torch.randn(9, 4, generator=torch.Generator().manual_seed(0)), counts)
    figure = prototype_grid_figure(grid, {"joy": (0.8, 0.5), "fear": (-0.7, 0.6)})
    figure.canvas.draw()
    plane, matrix = figure.axes[:2]
    image = np.asarray(plane.images[0].get_array())
    # Rows of the picture are arousal from below, columns valence.
    assert image[1, 0] == 4 and image[0, 1] == 7 and image[1, 2] == 5
    hatched = [patch for patch in plane.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert [(round(patch.get_x(), 3), round(patch.get_y(), 3)) for patch in hatched] == [
        (-1.0, -1.0),
        (-1.0, 0.333),
    ]
    assert len([patch for patch in plane.patches if isinstance(patch, FancyArrowPatch)]) == 2
    texts = [text.get_text() for text in plane.texts]
    assert texts[-2:] == ["joy", "fear"] and "7" in texts and "0" not in texts
    cosines = np.asarray(matrix.images[0].get_array())
    np.testing.assert_allclose(np.diag(cosines), 1.0, atol=1e-6)
    assert [tick.get_text() for tick in matrix.get_xticklabels()] == ["-0.67", "0", "0.67"]


def test_a_fine_grid_has_no_numbers_in_its_cells() -> None:
    figure = prototype_grid_figure(VAPrototypeGrid.random(4, cells=12))
    figure.canvas.draw()
    assert not figure.axes[0].texts
