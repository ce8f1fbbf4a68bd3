from __future__ import annotations

import pytest

from affectkit.data.synthetic import ACTION_UNITS, EMOTION_ACTION_UNITS, action_units
from affectkit.labels import label_space


def test_every_emotion_of_the_label_space_has_a_prototype_of_known_units() -> None:
    assert set(EMOTION_ACTION_UNITS) == set(label_space("meld7.official"))
    for prototype in EMOTION_ACTION_UNITS.values():
        assert set(prototype) <= set(ACTION_UNITS)
        assert all(0 < activation <= 1 for activation in prototype.values())


def test_a_blend_is_the_weighted_sum() -> None:
    blend = action_units({"surprise": 0.25, "fear": 0.5})
    for unit in ACTION_UNITS:
        expected = 0.25 * EMOTION_ACTION_UNITS["surprise"].get(unit, 0.0)
        expected += 0.5 * EMOTION_ACTION_UNITS["fear"].get(unit, 0.0)
        assert blend[unit] == pytest.approx(expected)


def test_an_unknown_emotion_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'boredom'.*neutral, surprise"):
        action_units({"boredom": 1.0})
