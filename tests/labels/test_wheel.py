from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from affectkit.labels import WHEEL_POINTS, UnknownLabelError, ValenceArousalWheel, label_space, label_spaces

GOLDEN = Path(__file__).parents[1] / "golden"
WHEEL = ValenceArousalWheel()


@pytest.mark.golden
def test_reproduces_the_reference_for_meld() -> None:
    with np.load(GOLDEN / "erc_curriculum_difficulty.npz", allow_pickle=False) as stored:
        expected = stored["similarity_meld7"]
    found = np.asarray(WHEEL.similarity(label_space("meld7.official")))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_agrees_with_angles_written_out() -> None:
    # Degrees on the full circle, for one label of each quadrant and one more.
    degrees = {"happy": 27, "excited": 63, "angry": 99, "frustrated": 189, "sad": 261, "neutral": None}
    labels = list(degrees)
    table = WHEEL.similarity(labels)
    for i, one in enumerate(degrees.values()):
        for j, two in enumerate(degrees.values()):
            if i == j:
                expected = 0.0
            elif one is None or two is None:
                expected = 1 / len(labels)
            elif (90 < one < 270) != (90 < two < 270):
                expected = 0.0
            else:
                expected = max(math.cos(math.radians(one - two)), 0.0)
            assert table[i][j] == pytest.approx(expected, abs=1e-12), (labels[i], labels[j])


def test_number_of_labels_sets_the_floor_of_neutral() -> None:
    for name in ("iemocap6.erc", "meld7.official"):
        space = label_space(name)
        row = WHEEL.similarity(space)[space.index("neutral")]
        assert sorted(set(row)) == [0.0, 1 / len(space)]


def test_boredom_is_not_neutral() -> None:
    table = WHEEL.similarity(["boredom", "disgust", "joy"])
    assert table[0] == pytest.approx([0.0, math.cos(3 * math.pi / 20), 0.0])


def test_order_of_labels_only_permutes_the_table() -> None:
    one, two = label_space("meld7.official"), label_space("meld7.merbench")
    table = np.asarray(WHEEL.similarity(one))
    order = [one.index(label) for label in two]
    np.testing.assert_array_equal(np.asarray(WHEEL.similarity(two)), table[np.ix_(order, order)])


def test_points_are_unit_vectors_in_their_quadrants() -> None:
    for label, (valence, arousal) in WHEEL_POINTS.items():
        if label not in ("neutral", "boredom"):
            assert math.hypot(valence, arousal) == pytest.approx(1.0)
    signs = [
        (valence > 0, arousal > 0) for valence, arousal in WHEEL.anchors(["joy", "anger", "sad", "love"])
    ]
    assert signs == [(True, True), (False, True), (False, False), (True, False)]


@pytest.mark.parametrize(
    "name",
    [
        space.name
        for space in label_spaces()
        if space.name.startswith(
            ("meld7", "iemocap", "emorynlp", "dailydialog", "affectnet8", "dfew", "emodb")
        )
    ],
)
def test_common_spaces_have_anchors(name: str) -> None:
    table = np.asarray(WHEEL.similarity(label_space(name)))
    np.testing.assert_array_equal(table, table.T)
    assert table.min() >= 0 and table.max() <= 1 and not table.diagonal().any()
    assert len(WHEEL.anchors(label_space(name))) == len(label_space(name))


def test_a_missing_label_is_named_and_can_be_added() -> None:
    with pytest.raises(UnknownLabelError, match=r"'worried' is not on the valence-arousal wheel"):
        WHEEL.similarity(label_space("mer6.official"))
    more = ValenceArousalWheel({**WHEEL_POINTS, "worried": (-0.6, 0.8)})
    assert more.point("Worry") == (-0.6, 0.8)
    assert len(more.similarity(label_space("mer6.official"))) == 6


def test_bad_points_are_refused() -> None:
    with pytest.raises(ValueError, match="'happy' twice"):
        ValenceArousalWheel({"joy": (1.0, 0.0), "happy": (0.5, 0.0)})
    with pytest.raises(ValueError, match="use finite numbers"):
        ValenceArousalWheel({"joy": (math.nan, 0.0)})
