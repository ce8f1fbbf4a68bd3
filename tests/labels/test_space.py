from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.labels import LabelSpace, UnknownLabelError, label_space

WORDS = st.text("aAbcZ19é", min_size=1, max_size=6)


@st.composite
def spaces(draw: st.DrawFn) -> LabelSpace:
    labels = draw(st.lists(WORDS, min_size=1, max_size=8, unique_by=str.casefold))
    return LabelSpace(
        name=draw(WORDS),
        labels=tuple(labels),
        source=draw(st.sampled_from(["", "a paper", "käse"])),
        kind=draw(st.sampled_from(["categorical", "multilabel"])),
        verified=draw(st.booleans()),
        note=draw(st.sampled_from(["", "from 1"])),
        aliases=((f"{labels[0]} too", labels[0]),) if draw(st.booleans()) else (),
    )


@given(spaces())
def test_survives_json_pickle_and_hash(space: LabelSpace) -> None:
    again = LabelSpace.from_dict(json.loads(json.dumps(space.to_dict())))
    assert again == space and hash(again) == hash(space)
    assert pickle.loads(pickle.dumps(space)) == space


@given(spaces())
def test_exact_names_and_own_aliases_always_lead_to_their_label(space: LabelSpace) -> None:
    assert [space.index(label) for label in space] == list(range(len(space)))
    assert [space.index(label.swapcase()) for label in space] == list(range(len(space)))
    for alias, label in space.aliases:
        assert space.labels[space.index(alias)] == label


def test_name_and_labels_are_enough_to_load() -> None:
    space = LabelSpace.from_dict({"name": "two.v1", "labels": ["a", "b"]})
    assert space == LabelSpace("two.v1", ("a", "b"))


def test_lists_become_tuples_so_that_the_space_is_hashable() -> None:
    labels: Any = ["a", "b"]
    assert hash(LabelSpace("two.v1", labels)) == hash(LabelSpace("two.v1", ("a", "b")))


def test_neutral_is_found_by_alias() -> None:
    assert label_space("dailydialog7.official").neutral == 0
    assert label_space("meld7.merbench").neutral == 3
    assert label_space("emoset8.official").neutral is None
    assert LabelSpace("mine.v1", ("happy", "baseline"), aliases=(("neutral", "baseline"),)).neutral == 1


def test_a_label_wins_over_an_alias_and_that_over_the_common_table() -> None:
    space = LabelSpace("mine.v1", ("joy", "happy", "sad"))
    assert (space.index("joy"), space.index("happy")) == (0, 1)
    own = LabelSpace("mine.v1", ("calm", "happy"), aliases=(("joy", "calm"),))
    assert own.index("joy") == 0 and own.index("happiness") == 1


def test_an_ambiguous_spelling_is_refused_with_both_labels() -> None:
    space = LabelSpace("mine.v1", ("joy", "happy", "sad"))
    assert space.find("happiness") is None
    with pytest.raises(UnknownLabelError, match=r"'happiness' may mean any of joy, happy in 'mine.v1'"):
        space.index("happiness")


def test_an_unknown_label_names_near_matches_by_the_name_used_in_the_space() -> None:
    with pytest.raises(UnknownLabelError, match=r"'meld7.official' has no label 'hapiness': near .* joy"):
        label_space("meld7.official").index("hapiness")
    with pytest.raises(UnknownLabelError, match="known are a, b"):
        LabelSpace("two.v1", ("a", "b")).index("xyzzy")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": ()}, "empty label or none"),
        ({"labels": ("a", " ")}, "empty label or none"),
        ({"labels": ("no-face", "No_Face")}, "'no face' more than once"),
        ({"labels": "ab"}, "pass a tuple"),
        ({"name": ""}, "has no name"),
        ({"kind": "ordinal"}, "use 'categorical' or 'multilabel'"),
        ({"aliases": (("c", "z"),)}, "none of its labels"),
        ({"aliases": (("A", "b"),)}, "twice, or also as a label"),
        ({"aliases": (("c", "a"), ("C", "b"))}, "twice, or also as a label"),
    ],
)
def test_inconsistent_spaces_are_refused(fields: dict[str, Any], message: str) -> None:
    values: dict[str, Any] = {"name": "two.v1", "labels": ("a", "b"), **fields}
    with pytest.raises(ValueError, match=message):
        LabelSpace(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": ["a"]}, "has no name"),
        ({"name": "x"}, "'labels': it must be a list"),
        ({"name": "x", "labels": "ab"}, "'labels': it must be a list"),
        ({"name": "x", "labels": ["a", 3]}, "every entry must be a string"),
        ({"name": 3, "labels": ["a"]}, "'name': it must be a string"),
        ({"name": "x", "labels": ["a"], "verified": "no"}, "true or false"),
        ({"name": "x", "labels": ["a"], "kind": 3}, "use 'categorical' or 'multilabel'"),
        ({"name": "x", "labels": ["a"], "aliases": [["b"]]}, "must be"),
        ({"name": "x", "labels": ["a"], "colour": 1}, "unknown field 'colour'"),
    ],
)
def test_damaged_dictionaries_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LabelSpace.from_dict(values)


def test_same_order_compares_labels_and_kind_not_names_or_spelling() -> None:
    one = LabelSpace("one.v1", ("happy", "sad"))
    assert one.same_order(LabelSpace("two.v1", ("joy", "Sadness")))
    assert not one.same_order(LabelSpace("two.v1", ("sad", "happy")))
    assert not one.same_order(LabelSpace("two.v1", ("happy", "sad", "angry")))
    assert not LabelSpace("two.v1", ("happy", "sad", "angry")).same_order(one)
    assert not one.same_order(LabelSpace("two.v1", ("happy", "sad"), kind="multilabel"))
