from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.raer import RAER

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


@pytest.fixture
def folder(tmp_path: Path, frames: Callable[[Path, int], None]) -> Path:
    folder = tmp_path / "raer"
    folder.mkdir()
    (folder / "train.txt").write_text("/media/x/RAER/class/01 2 1\n/media/x/RAER/library/01 1 5\n")
    (folder / "test.txt").write_text("/media/x/RAER/class/02 1 4\n")
    for clip, count in (("class/01", 2), ("library/01", 1), ("class/02", 1)):
        frames(folder / clip, count)
    return folder


def test_labels_count_from_one(folder: Path, made: Made) -> None:
    manifest, found = made(RAER, folder)
    assert manifest.class_counts == {"train": (1, 0, 0, 0, 1), "test": (0, 0, 0, 1, 0)}
    assert found["train"]["class/01"][0] == {"id": "class/01", "label": 0, "meta": {"frames": 2}}


def test_lists_of_another_name(folder: Path, made: Made) -> None:
    (folder / "test.txt").rename(folder / "five_test.txt")
    _, found = made(RAER, folder, {"test": "five_test.txt"})
    assert list(found["test"]) == ["class/02"]


def test_label_zero_is_refused(folder: Path, refused: Refused) -> None:
    (folder / "test.txt").write_text("class/02 1 0\n")
    refused(RAER, folder, at=folder / "test.txt", row=1, words="label '0' is no whole number from 1 to 5")
