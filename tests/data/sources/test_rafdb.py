from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.rafdb import RAFDB

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused

LIST = "EmoLabel/list_patition_label.txt"


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[Path], Path]) -> Path:
    folder = tmp_path / "basic"
    (folder / "EmoLabel").mkdir(parents=True)
    (folder / LIST).write_text("train_00001.jpg 5\ntrain_00002.jpg 1\ntest_0001.jpg 7\n")
    for stem in ("train_00001", "train_00002", "test_0001"):
        picture(folder / "Image" / "aligned" / f"{stem}_aligned.jpg")
    return folder


def test_labels_count_from_one_in_the_file_and_from_zero_in_the_record(folder: Path, made: Made) -> None:
    manifest, found = made(RAFDB, folder)
    assert manifest.class_counts == {"train": (1, 0, 0, 0, 1, 0, 0), "test": (0, 0, 0, 0, 0, 0, 1)}
    assert found == {
        "train": {
            "train_00001": ({"id": "train_00001.jpg", "label": 4}, ["jpg"]),
            "train_00002": ({"id": "train_00002.jpg", "label": 0}, ["jpg"]),
        },
        "test": {"test_0001": ({"id": "test_0001.jpg", "label": 6}, ["jpg"])},
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("train_00003.jpg", "no 2 fields"),
        ("train_00003.jpg 0", "label '0' is no whole number from 1 to 7"),
        ("train_00003.jpg 8", "label '8'"),
        ("train_00003.jpg five", "label 'five'"),
        ("train_00001.jpg 5", "already in row 1"),
        ("valid_00003.jpg 5", "no train_NUMBER.jpg"),
        ("train_/../../x.jpg 5", "no train_NUMBER.jpg"),
        ("train_00003.jpg 5", "train_00003_aligned.jpg is missing"),
    ],
)
def test_a_malformed_row_is_named(folder: Path, refused: Refused, row: str, words: str) -> None:
    path = folder / LIST
    path.write_text(path.read_text() + row + "\n")
    refused(RAFDB, folder, at=path, row=4, words=words)


def test_a_missing_list_is_named(folder: Path, refused: Refused) -> None:
    (folder / LIST).unlink()
    refused(RAFDB, folder, at=folder / LIST, row=None, words="cannot be read")
