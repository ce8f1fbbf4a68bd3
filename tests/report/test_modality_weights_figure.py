from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from affectkit.report.figures import modality_weights_figure


def test_shares_are_stacked_by_name() -> None:
    figure = modality_weights_figure({"text": [0.7, 1.0], "audio": [0.3, 0.0]}, turns=["A joy", "B fear"])
    (axes,) = figure.axes
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    found = [(round(bar.get_y(), 3), round(bar.get_height(), 3)) for bar in bars]
    assert found == [(0.0, 0.3), (0.0, 0.0), (0.3, 0.7), (0.0, 1.0)]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["A joy", "B fear"]
    legend = axes.get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == ["audio", "text"]
    assert bars[0].get_hatch() != bars[2].get_hatch()


@pytest.mark.parametrize("wrong", [[0.5], [0.5, -0.1], list(np.ones(3))])
def test_shares_that_cannot_be_stacked_are_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match=r"The shares of 'text' are .* for 2 turns: give one for each"):
        modality_weights_figure({"text": wrong}, turns=["a", "b"])
