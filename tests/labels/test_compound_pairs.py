"""Which basic emotions a compound is made of."""

from __future__ import annotations

import pytest

from affectkit.labels import LabelSpace, UnknownLabelError, compound_pairs, label_space

#: As published with C-EXPR-DB.
PUBLISHED = (
    ("fear", "surprise"),
    ("happy", "surprise"),
    ("sad", "surprise"),
    ("disgust", "surprise"),
    ("angry", "surprise"),
    ("sad", "fear"),
    ("sad", "angry"),
)


@pytest.mark.parametrize("basic", ["fer7.official", "meld7.official", "emotiontalk7.official"])
def test_the_pairs_of_the_challenge(basic: str) -> None:
    space = label_space(basic)
    wanted = tuple((space.index(first), space.index(second)) for first, second in PUBLISHED)
    assert compound_pairs("cexprdb7.abaw", basic) == wanted


def test_every_compound_of_raf_db_is_two_emotions() -> None:
    pairs = compound_pairs("rafdb11.compound", "rafdb7.official")
    assert len(pairs) == 11 and all(first != second for first, second in pairs)


@pytest.mark.parametrize("label", ["sadly", "sadly sad", "mildly sad", "sadly very angry"])
def test_what_is_no_pair_is_refused(label: str) -> None:
    mixed = LabelSpace("mixed2.mine", (label, "sadly angry"))
    with pytest.raises(UnknownLabelError, match=f"'{label}' of 'mixed2.mine' is not two"):
        compound_pairs(mixed, "fer7.official")
