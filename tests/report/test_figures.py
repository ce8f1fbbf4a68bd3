"""Figures hold the numbers they were given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.metrics import precision_recall_fscore_support

from affectkit.report.figures import (
    class_scores,
    confusion_figure,
    curriculum_figure,
    learning_curves_figure,
    per_class_figure,
)

LABELS = ("calm", "glad", "cross")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_confusion_shows_shares_of_the_true_label() -> None:
    counts = np.array([[3, 1, 0], [0, 4, 4], [0, 0, 0]])
    shown = texts(confusion_figure(counts, LABELS))
    assert shown[:2] == ["75%\n3", "25%\n1"]
    assert shown[5] == "50%\n4"
    assert shown[6:] == ["0%\n0"] * 3  # a label without rows is 0, not NaN


def test_confusion_refuses_counts_that_do_not_fit_the_labels() -> None:
    with pytest.raises(ValueError, match="3 labels must be square"):
        confusion_figure(np.zeros((2, 3), dtype=np.int64), LABELS)


def test_class_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 200), rng.integers(0, 3, 200)
    counts = np.zeros((5, 5), dtype=np.int64)
    np.add.at(counts, (true, predicted), 1)
    reference = precision_recall_fscore_support(true, predicted, labels=range(5), zero_division=np.nan)
    ours = np.array([score[1:] for score in class_scores(counts, "abcde")])
    np.testing.assert_allclose(ours, np.array(reference).T, rtol=0, atol=1e-12)
    # never predicted; neither true nor predicted: no zeros where nothing is defined
    assert np.isnan(ours[3]).tolist() == [True, False, False, False] and np.isnan(ours[4, :3]).all()


def test_per_class_figure_orders_by_support() -> None:
    scores = class_scores(np.array([[1, 0, 0], [0, 9, 0], [0, 0, 4]]), LABELS)
    ticks = per_class_figure(scores).axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["glad\nn=9", "cross\nn=4", "calm\nn=1"]


def test_learning_curves_draw_every_series() -> None:
    figure = learning_curves_figure(
        {"train": [(0, 2.0), (1, 1.0)], "val": [(1, 1.5)]}, {"f1": [(1, 0.5)]}, best_epoch=1
    )
    left, right = figure.axes
    assert [np.asarray(line.get_ydata()).tolist() for line in left.lines[:2]] == [[2.0, 1.0], [1.5]]
    assert len(right.lines) == 2  # the score and the mark of the selected epoch


def test_curriculum_puts_the_easiest_at_the_bottom_and_counts_repeats() -> None:
    figure = curriculum_figure([0.9, 0.1, 0.5], {0: [1, 1, 1], 1: [1, 2, 0]}, [(0, 0.2), (1, 0.4)])
    image = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_array_equal(image, [[3, 1], [0, 1], [0, 1]])
    shares = [bar.get_height() for bar in figure.axes[1].patches if isinstance(bar, Rectangle)]
    np.testing.assert_allclose(shares, [1 / 3, 1.0])


def test_curriculum_sorts_each_epoch_by_what_was_measured_for_it() -> None:
    hard = {0: [0.9, 0.1, 0.5], 1: [0.2, 0.3, 0.1]}
    figure = curriculum_figure(hard, {0: [1, 1, 2], 1: [1, 1, 0]}, [])
    image = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_array_equal(image, [[2, 0], [1, 1], [0, 2]])
    assert "of its epoch" in figure.axes[0].get_ylabel()
