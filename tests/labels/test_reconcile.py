from __future__ import annotations

import pytest

from affectkit.labels import LabelSpace, LabelSpaceMismatchError, label_space, reconcile

OFFICIAL = label_space("meld7.official")


def test_the_same_order_is_the_identity_whatever_the_names() -> None:
    stored = LabelSpace("theirs.v3", ("neutral", "surprised", "fear", "sad", "happy", "disgust", "angry"))
    assert reconcile(OFFICIAL, OFFICIAL).is_identity
    assert reconcile(stored, OFFICIAL).is_identity


@pytest.mark.parametrize("name", ["meld7.merbench", "meld7.wild", "dailydialog7.official", "rafdb7.official"])
def test_another_order_is_mapped_by_name(name: str) -> None:
    stored = label_space(name)
    found = reconcile(stored, OFFICIAL)
    assert not found.is_identity
    assert all(OFFICIAL.index(label) == found(index) for index, label in enumerate(stored))


def test_a_refusal_says_what_to_write_for_the_stored_labels() -> None:
    own = label_space("anger,joy,neutral,sadness")
    with pytest.raises(LabelSpaceMismatchError, match=r"label_space=anger,joy,neutral,sadness\.$"):
        reconcile(own, OFFICIAL)
    with pytest.raises(LabelSpaceMismatchError, match=r"label_space=iemocap6\.erc\.$"):
        reconcile(label_space("iemocap6.erc"), OFFICIAL)


def test_a_name_alone_is_never_trusted() -> None:
    liar = LabelSpace("meld7.official", tuple(reversed(OFFICIAL.labels)))
    assert reconcile(liar, OFFICIAL).table == (6, 5, 4, 3, 2, 1, 0)


@pytest.mark.parametrize(
    ("stored", "wanted", "reason"),
    [
        ("iemocap6.erc", "iemocap4.merbench", "'excited' of 'iemocap6.erc' has no counterpart"),
        (
            "iemocap4.merbench",
            "iemocap6.erc",
            "'excited' of 'iemocap6.erc' never occurs in 'iemocap4.merbench'",
        ),
        ("mer6.official", "iemocap6.erc", "'worried' of 'mer6.official' has no counterpart"),
        ("goemotions7.ekman", "meld7.official", "multilabel and the second categorical"),
    ],
)
def test_other_sets_are_refused_with_both_orders(stored: str, wanted: str, reason: str) -> None:
    one, two = label_space(stored), label_space(wanted)
    with pytest.raises(LabelSpaceMismatchError, match=reason) as caught:
        reconcile(one, two)
    message = str(caught.value)
    assert one.name in message and one.order() in message
    assert two.name in message and two.order() in message


def test_an_explicit_map_decides() -> None:
    six, four = label_space("iemocap6.erc"), label_space("iemocap4.merbench")
    assert reconcile(six, four, merge={"exc": "happy"}, drop=["fru"]).table == (0, 1, 2, 3, 0, -100)
    assert reconcile(four, six, merge={}).table == (0, 1, 2, 3)
    with pytest.raises(LabelSpaceMismatchError, match="'frustrated'"):
        reconcile(six, four, merge={"exc": "happy"})
