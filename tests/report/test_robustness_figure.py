from __future__ import annotations

import numpy as np

from affectkit.report.figures import RobustnessPoint, robustness_figure

POINTS = [RobustnessPoint(0.0, 0.9, 0.0), RobustnessPoint(0.5, 0.7, 0.05)]


def test_a_panel_for_each_modality_and_a_curve_for_each_run() -> None:
    panels = {
        "audio": {"both": POINTS},
        "text": {"both": POINTS, "text only": POINTS},
        "any": {"both": POINTS},
    }
    figure = robustness_figure(panels, score_name="weighted F1")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["audio", "text", "any"]
    assert [len(axes.lines) for axes in shown] == [1, 2, 1]
    assert np.asarray(shown[0].lines[0].get_xdata()).tolist() == [0.0, 50.0]
    assert shown[0].get_ylabel() == "weighted F1"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["both", "text only"]
    # A run has one colour in all panels, whichever runs stand there.
    assert shown[0].lines[0].get_color() == shown[1].lines[0].get_color() != shown[1].lines[1].get_color()


def test_many_panels_wrap_and_one_run_needs_no_legend() -> None:
    figure = robustness_figure({str(number): {"run": POINTS} for number in range(6)}, score_name="accuracy")
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 6 and len(figure.axes) == 8
    assert not figure.legends
