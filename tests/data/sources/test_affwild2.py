from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.affwild2 import AFFWILD2

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[Path], Path]) -> Path:
    folder = tmp_path / "affwild2"
    lists = {
        "VA_Set/Train_Set/1-30.txt": "valence,arousal\n0.5,-0.25\n-5,-5\n-5.0,-5.0\n0.1,1\n",
        "EXPR_Set/Training_Set/1-30.txt": "Neutral,Anger\n4\n-1\n7\n",
        "EXPR_Set/Train_Set/long_left.txt": "Neutral\n" + "0\n" * 300,
        "VA_Set/Validation_Set/v.txt": "valence,arousal\n0,0\n",
    }
    for name, text in lists.items():
        path = folder / "annotations" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    faces = {"1-30": (1, 2, 3), "long_left": range(1, 301), "v": (1,)}
    for video, numbers in faces.items():
        for number in numbers:
            picture(folder / "cropped_aligned" / video / f"{number:05d}.jpg")
    return folder


def test_a_frame_without_face_or_annotation_is_left_out(folder: Path, made: Made) -> None:
    manifest, found = made(AFFWILD2, folder)
    assert manifest.class_counts["train"] == (300, 0, 0, 0, 1, 0, 0, 1)
    record, members = found["train"]["1-30_0000"]
    # Frame 2 has no annotation that counts, frame 4 no face.
    assert record["utterances"] == [
        {"id": "00001", "text": "", "speaker": 0, "label": 4, "dims": [0.5, -0.25]},
        {"id": "00003", "text": "", "speaker": 0, "label": 7, "dims": [None, None]},
    ]
    assert members == ["face-000.jpg", "face-001.jpg"]
    assert record["speakers"] == ["1-30"]


def test_a_long_video_becomes_windows_in_order(folder: Path, made: Made) -> None:
    _, found = made(AFFWILD2, folder)
    windows = [found["train"][f"long_left_000{i}"][0] for i in (0, 1)]
    assert [len(window["utterances"]) for window in windows] == [256, 44]
    assert [turn["id"] for window in windows for turn in window["utterances"]] == [
        f"{i:05d}" for i in range(1, 301)
    ]


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("VA_Set/Train_Set", "0.5", "no pair"),
        ("VA_Set/Train_Set", "0.5,2", "arousal 2 lies outside"),
        ("VA_Set/Train_Set", "x,0", "valence 'x'"),
        ("EXPR_Set/Training_Set", "8", "expression '8'"),
        ("EXPR_Set/Training_Set", "", "expression ''"),
    ],
)
def test_a_malformed_row_is_named(folder: Path, refused: Refused, name: str, row: str, words: str) -> None:
    path = folder / "annotations" / name / "1-30.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], row, *lines[2:]]))
    refused(AFFWILD2, folder, at=path, row=3, words=words)


def test_a_video_in_two_splits_is_refused(folder: Path, refused: Refused) -> None:
    path = folder / "annotations" / "VA_Set" / "Validation_Set" / "1-30.txt"
    path.write_text("valence,arousal\n0,0\n")
    refused(AFFWILD2, folder, at=path, row=None, words="it is in train too")


def test_missing_lists_are_named(folder: Path, refused: Refused) -> None:
    (folder / "annotations" / "VA_Set" / "Validation_Set" / "v.txt").unlink()
    refused(AFFWILD2, folder, at=folder / "annotations", row=None, words="no list for val")
