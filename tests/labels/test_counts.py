from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from affectkit.labels import (
    LabelSpace,
    LabelSpaceMismatchError,
    PublishedCounts,
    UnknownLabelError,
    label_space,
    published_counts,
)

MELD = published_counts("meld")


def test_splits_add_up_to_the_published_sizes() -> None:
    assert {split: sum(counts) for split, counts in MELD.splits.items()} == {
        "train": 9989,
        "val": 1109,
        "test": 2610,
    }


def test_another_order_keeps_every_label_with_its_count() -> None:
    other = label_space("meld7.wild")
    for split, counts in MELD.in_order(other).items():
        assert dict(zip(other, counts, strict=True)) == dict(zip(MELD.space, MELD.splits[split], strict=True))


def test_merged_labels_are_added_up() -> None:
    coarse = LabelSpace("two.v1", ("neutral", "emotional"))
    merge = {label: "emotional" for label in MELD.space if label != "neutral"}
    assert MELD.in_order(coarse, merge=merge)["test"] == [1256, 2610 - 1256]
    with pytest.raises(LabelSpaceMismatchError):
        MELD.in_order(coarse)


def test_a_count_is_needed_for_every_label() -> None:
    with pytest.raises(ValueError, match=r"mine test has 1 counts for the 2 labels of 'two.v1'"):
        PublishedCounts("mine", LabelSpace("two.v1", ("a", "b")), {"test": (3,)}, source="here")


def test_unknown_data_set() -> None:
    with pytest.raises(UnknownLabelError, match="record for 'mled': near matches are meld"):
        published_counts("mled")


@pytest.mark.realdata
@pytest.mark.parametrize(("file", "split"), [("train", "train"), ("dev", "val"), ("test", "test")])
def test_the_files_of_meld_hold_these_counts(file: str, split: str) -> None:
    path = Path(os.environ.get("AFFECTKIT_DATA", ""), "meld", f"{file}_sent_emo.csv")
    if not path.is_file():
        pytest.skip("AFFECTKIT_DATA holds no meld folder")
    with path.open(encoding="utf-8", newline="") as stream:
        found = Counter(MELD.space.index(row["Emotion"]) for row in csv.DictReader(stream))
    assert tuple(found[index] for index in range(7)) == MELD.splits[split]
