from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectkit.labels import (
    ALIASES,
    LabelMap,
    LabelSpace,
    LabelSpaceMismatchError,
    UnknownLabelError,
    canonical,
    label_space,
    label_spaces,
)
from affectkit.labels.mapping import ABSENT
from affectkit.types import IGNORE_LABEL

SIX = label_space("iemocap6.erc")
FOUR = label_space("iemocap4.emotion2vec")
FORMS = sorted(set(ALIASES.values()) | {"annoyance", "rage", "hope"})


def spelling(form: str) -> st.SearchStrategy[str]:
    return st.sampled_from([form, form.upper(), *(alias for alias, name in ALIASES.items() if name == form)])


@st.composite
def respelled_pair(draw: st.DrawFn) -> tuple[LabelSpace, LabelSpace]:
    forms = draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=9, unique=True))
    other = draw(st.permutations(forms))
    return (
        LabelSpace("one.v1", tuple(draw(spelling(form)) for form in forms)),
        LabelSpace("two.v1", tuple(draw(spelling(form)) for form in other)),
    )


@given(respelled_pair())
def test_there_and_back_is_the_identity(pair: tuple[LabelSpace, LabelSpace]) -> None:
    one, two = pair
    there, back = one.map_to(two), two.map_to(one)
    everything = [*range(len(one)), ABSENT]
    assert back(there(everything)) == everything
    for index, label in enumerate(one):
        assert canonical(two.labels[there(index)]) == canonical(label)


@given(respelled_pair(), st.data())
def test_every_kind_of_input_agrees_with_a_dictionary(
    pair: tuple[LabelSpace, LabelSpace], data: st.DataObject
) -> None:
    one, two = pair
    mapped = one.map_to(two)
    labels = data.draw(st.lists(st.sampled_from([*range(len(one)), ABSENT]), max_size=12))
    meaning = {canonical(label): index for index, label in enumerate(two)}
    expected = [ABSENT if i == ABSENT else meaning[canonical(one.labels[i])] for i in labels]
    assert [mapped(label) for label in labels] == expected
    assert mapped(labels) == mapped(tuple(labels)) == expected
    array = mapped(np.asarray(labels, dtype=np.int32).reshape(1, -1))
    assert array.dtype == np.int64 and array.tolist() == [expected]
    tensor = mapped(torch.tensor(labels, dtype=torch.int64).reshape(-1, 1))
    assert tensor.dtype == torch.int64 and tensor.flatten().tolist() == expected


@pytest.mark.parametrize("space", label_spaces(), ids=lambda space: space.name)
def test_every_registered_space_maps_to_itself(space: LabelSpace) -> None:
    assert space.map_to(space).is_identity


def test_the_absent_value_is_that_of_the_library() -> None:
    assert ABSENT == IGNORE_LABEL


def test_input_is_left_alone() -> None:
    labels = torch.tensor([0, 4, IGNORE_LABEL])
    mapped = SIX.map_to(FOUR, merge={"exc": "hap"}, drop=["fru"])(labels)
    assert mapped.tolist() == [1, 1, IGNORE_LABEL] and labels.tolist() == [0, 4, IGNORE_LABEL]


def test_many_to_one_needs_merge_and_loss_needs_drop() -> None:
    mapped = SIX.map_to(FOUR, merge={"exc": "joy"}, drop=["fru"])
    assert mapped.table == (1, 3, 2, 0, 1, -100) and mapped.dropped == ("frustrated",)
    assert not mapped.is_identity
    assert SIX.map_to(FOUR, unknown="ignore").table == (1, 3, 2, 0, -100, -100)


def test_merge_and_drop_outrank_the_name() -> None:
    raw, five = label_space("affectnet7.official"), label_space("affectnet5.emonet")
    assert raw.map_to(five, merge={"anger": "fear"}, drop=["disgust"]).table == (0, 1, 2, 3, 4, -100, 4)
    assert raw.map_to(raw, merge={"disgust": "anger"}).table == (0, 1, 2, 3, 4, 6, 6)
    assert raw.map_to(raw, drop="fear").table == (0, 1, 2, 3, -100, 5, 6)


def test_a_target_with_labels_to_spare_is_fine() -> None:
    seven, eight = label_space("affectnet7.official"), label_space("affectnet8.alphabetical")
    assert seven.map_to(eight).table == (5, 4, 6, 7, 3, 2, 0)


def test_letter_codes_of_one_data_set_mean_nothing_in_another() -> None:
    # "A" is Angst (fear) in EMO-DB and angry in MSP-Podcast.
    podcast = LabelSpace("podcast2.v1", ("A", "S"), aliases=(("angry", "A"), ("sad", "S")))
    emodb = label_space("emodb7.letters")
    assert emodb.labels[emodb.index("A")] == "fear" and podcast.index("angry") == 0
    assert podcast.map_to(emodb, unknown="ignore").dropped == ("A", "S")
    assert emodb.map_to(podcast, unknown="ignore").dropped == emodb.labels
    assert podcast.map_to(emodb, merge={"angry": "W", "sad": "T"}).table == (0, 5)


def test_loss_is_refused_with_both_orders_and_the_remedy() -> None:
    with pytest.raises(LabelSpaceMismatchError) as caught:
        SIX.map_to(FOUR)
    message = str(caught.value)
    assert "0 happy, 1 sad, 2 neutral, 3 angry, 4 excited, 5 frustrated" in message
    assert "0 angry, 1 happy, 2 neutral, 3 sad" in message
    assert 'merge={"excited": ...}' in message and 'drop=["excited"]' in message


def test_two_labels_never_become_one_by_name() -> None:
    two = LabelSpace("two.v1", ("joy", "happy", "sad"))
    one = LabelSpace("one.v1", ("happiness", "sadness"))
    with pytest.raises(LabelSpaceMismatchError, match=r"'joy' and 'happy' would silently become one"):
        two.map_to(one)
    assert two.map_to(one, merge={"joy": "happiness"}).table == (0, 0, 1)


def test_aliases_do_not_cross_intensities() -> None:
    with pytest.raises(LabelSpaceMismatchError, match=r"'worried' of 'mer6.official'"):
        label_space("mer6.official").map_to(label_space("meld7.official"))


def test_kinds_do_not_mix() -> None:
    with pytest.raises(LabelSpaceMismatchError, match="first is multilabel and the second categorical"):
        label_space("goemotions7.ekman").map_to(label_space("meld7.official"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"merge": {"bliss": "happy"}}, UnknownLabelError, "'iemocap6.erc' has no label 'bliss'"),
        ({"merge": {"exc": "bliss"}}, UnknownLabelError, "'iemocap4.emotion2vec' has no label 'bliss'"),
        ({"drop": ["bliss"]}, UnknownLabelError, "no label 'bliss'"),
        ({"merge": {"exc": "hap"}, "drop": ["excited"]}, LabelSpaceMismatchError, "in merge= and in drop="),
        ({"merge": {"exc": "hap", "excited": "sad"}}, LabelSpaceMismatchError, "both 'happy' and 'sad'"),
        ({"unknown": "drop"}, ValueError, "use 'error' or 'ignore'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SIX.map_to(FOUR, **arguments)


@pytest.mark.parametrize("wrong", [6, -1, -99])
@pytest.mark.parametrize(
    "make", [int, lambda i: [0, i], lambda i: np.array([0, i]), lambda i: torch.tensor([0, i])]
)
def test_an_index_outside_the_space_is_refused(wrong: int, make: Any) -> None:
    mapped = SIX.map_to(SIX)
    with pytest.raises(ValueError, match=re.escape(f"index {wrong} is outside label space 'iemocap6.erc'")):
        mapped(make(wrong))


@pytest.mark.parametrize("labels", [np.array([0.5]), torch.tensor([0.5])])
def test_fractions_are_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match="needs integers"):
        SIX.map_to(SIX)(labels)


def test_narrow_integer_types_hold_the_absent_value() -> None:
    mapped = SIX.map_to(FOUR, unknown="ignore")
    assert mapped(torch.tensor([5, 0], dtype=torch.uint8)).tolist() == [-100, 1]
    assert mapped(np.array([5, 0], dtype=np.uint8)).tolist() == [-100, 1]


@pytest.mark.parametrize(("table", "message"), [((0,), "1 entries for 2"), ((0, 2), "points to index 2")])
def test_a_table_must_fit_its_spaces(table: Sequence[int], message: str) -> None:
    space = LabelSpace("two.v1", ("a", "b"))
    with pytest.raises(ValueError, match=message):
        LabelMap(space, space, tuple(table))
