from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.caer import CAER

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused

CLASSES = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[Path], Path]) -> Path:
    for split in ("train", "test"):
        for number, name in enumerate(CLASSES, 1):
            for i in range(number if split == "train" else 1):
                picture(tmp_path / "caer" / split / name / f"{i:04d}.png")
    return tmp_path / "caer"


def test_the_name_of_the_folder_is_the_label(folder: Path, made: Made) -> None:
    (folder / "train" / "Anger" / "Thumbs.db").write_bytes(b"no picture")
    manifest, found = made(CAER, folder)
    assert manifest.class_counts == {"train": (1, 2, 3, 4, 5, 6, 7), "test": (1,) * 7}
    assert found["train"]["Happy/0003"] == ({"id": "train/Happy/0003.png", "label": 3}, ["png"])


def test_another_folder_is_refused(folder: Path, refused: Refused) -> None:
    (folder / "test" / "Joyless").mkdir()
    refused(CAER, folder, at=folder / "test" / "Joyless", row=None, words="none of angry, disgust")


def test_two_spellings_of_one_emotion_are_refused(folder: Path, refused: Refused) -> None:
    (folder / "train" / "angry").mkdir()
    refused(CAER, folder, at=folder / "train" / "angry", row=None, words="or one of them again")


def test_a_missing_folder_is_named(folder: Path, refused: Refused) -> None:
    for path in (folder / "test" / "Sad").iterdir():
        path.unlink()
    (folder / "test" / "Sad").rmdir()
    refused(CAER, folder, at=folder / "test", row=None, words="no folder for 'sad'")


def test_an_empty_picture_is_named(folder: Path, refused: Refused) -> None:
    (folder / "train" / "Fear" / "0001.png").write_bytes(b"")
    refused(CAER, folder, at=folder / "train" / "Fear", row=2, words="0001.png is empty")
