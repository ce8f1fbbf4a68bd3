"""Cues of a clip in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from affectkit.conversation.prompts import CUE_SLOTS, ClipCues, CueVerbalizer, PromptError

CUES = ClipCues(
    words="oh\n  really",
    action_units={"lip corner puller": [0.1, 0.51, 0.2], "brow lowerer": [0.5, 0.5, 0.5], "dimpler": [0.9]},
    expressions={"fear": 0.2, "surprise": 0.5, "anger": 0.05, "disgust": 0.05, "joy": 0.2},
    prosody={"tense": 0.31, "calm": 0.3},
    dimensions={"valence": 0.2, "arousal": 0.876, "dominance": 0.5},
)


def test_every_kind_has_its_line() -> None:
    assert CueVerbalizer()(CUES).splitlines() == [
        "Words: oh really",
        # the threshold itself is not above it
        "Face: dimpler, lip corner puller",
        "Expression: surprise, fear, joy",
        "Voice: calm low, tense high",
        "Impression: arousal high, dominance low, valence low",
    ]


def test_thresholds_and_slots() -> None:
    strict = CueVerbalizer(
        action_unit=0.95,
        prosody=0.1,
        expressions=4,
        dimensions_as="number",
        slots=("dimensions", "prosody", "action_units", "expressions"),
    )
    assert strict(CUES).splitlines() == [
        "Impression: arousal 0.88, dominance 0.50, valence 0.20",
        "Voice: calm high, tense high",
        "Face: no movement",
        "Expression: surprise, fear, joy, anger",
    ]


def test_what_was_not_measured_is_not_said() -> None:
    assert CueVerbalizer()(ClipCues()) == ""
    assert CueVerbalizer()(ClipCues("hm")) == "Words: hm"
    lost = replace(CUES, action_units={"dimpler": [], "brow lowerer": []})
    assert "Face: no face detected" in CueVerbalizer()(lost)
    assert "Face" not in CueVerbalizer()(replace(CUES, action_units=None))


@pytest.mark.parametrize("slots", [(), ("words", "words"), ("words", "gaze")])
def test_slots_that_do_not_exist_are_refused(slots: tuple[str, ...]) -> None:
    with pytest.raises(PromptError, match=f"of {', '.join(CUE_SLOTS)}"):
        CueVerbalizer(slots=slots)
    with pytest.raises(PromptError, match="at least one expression"):
        CueVerbalizer(expressions=0)
