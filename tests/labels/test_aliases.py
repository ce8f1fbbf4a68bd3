from __future__ import annotations

import pytest

from affectkit.labels import ALIASES, canonical
from affectkit.labels.aliases import fold


def test_table_is_flat_and_folded() -> None:
    for form, name in ALIASES.items():
        assert form == fold(form) and name == fold(name)
        # A canonical word that were an alias itself would make the result depend on the spelling.
        assert name not in ALIASES
        assert canonical(form) == canonical(canonical(form)) == name


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Happy", "joy"),
        ("hap", "happiness"),
        ("ANG", "anger"),
        ("no_emotion", "Neutral"),
        ("NF", "non-face"),
        ("worried", "worry"),
        (" sad ", "SADNESS"),
    ],
)
def test_spellings_of_one_label_meet(one: str, two: str) -> None:
    assert canonical(one) == canonical(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("annoyance", "anger"),
        ("frustrated", "angry"),
        ("excited", "happy"),
        ("worried", "fear"),
        ("nervousness", "fear"),
        ("grief", "sadness"),
        ("contentment", "happiness"),
        ("calm", "neutral"),
        ("contempt", "disgust"),
        ("mad", "anger"),
        ("scared", "fear"),
        ("none", "neutral"),
        ("happily surprised", "happily disgusted"),
    ],
)
def test_other_intensities_and_other_words_stay_apart(one: str, two: str) -> None:
    assert canonical(one) != canonical(two)
