from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.affectnet import AFFECTNET

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
)


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[Path], Path]) -> Path:
    folder = tmp_path / "affectnet"
    for place in ("689/a.jpg", "12/b.JPG", "12/c.png", "1/d.jpg"):
        picture(folder / place)
    (folder / "training.csv").write_text(
        HEADER
        + "689/a.jpg,1,2,30,40,1.5;2.5,1,0.8,-0.1\n12/b.JPG,0,0,5,5,,9,-2,-2\n12/c.png,0,0,5,5,,7,-1,1\n"
    )
    (folder / "validation.csv").write_text(HEADER + "1/d.jpg,0,0,5,5,,0,0,0\n")
    return folder


def test_expression_dimensions_box_and_landmarks(folder: Path, made: Made) -> None:
    manifest, found = made(AFFECTNET, folder)
    assert manifest.class_counts == {"train": (0, 1, 0, 0, 0, 0, 0, 1), "val": (1, 0, 0, 0, 0, 0, 0, 0)}
    record, members = found["train"]["689/a"]
    assert members == ["jpg"]
    assert record == {
        "id": "689/a.jpg",
        "label": 1,
        "extra": {"expression": 1},
        "dims": [0.8, -0.1],
        "box": [1, 2, 31, 42],
        "meta": {"landmarks": "1.5;2.5"},
    }
    uncertain = found["train"]["12/b"][0]
    assert (uncertain["label"], uncertain["extra"], uncertain["dims"]) == (
        None,
        {"expression": 9},
        [None, None],
    )
    assert found["train"]["12/c"][1] == ["png"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("9/x.jpg,0,0,5,5,,1,0,0", "x.jpg is missing"),
        ("689/a.jpg,0,0,5,5,,1,0,0", "already in row 2"),
        ("../a.jpg,0,0,5,5,,1,0,0", "leaves"),
        ("1/d.jpg,0,0,5,5,,11,0,0", "expression '11'"),
        ("1/d.jpg,0,0,5,5,,1.0,0,0", "expression '1.0'"),
        ("1/d.jpg,0,0,5,5,,1,nan,0", "valence 'nan' is no finite number"),
        ("1/d.jpg,0,0,5,5,,1,0,1.5", "arousal 1.5 lies outside"),
        ("1/d.jpg,0,0,-5,5,,1,0,0", "-5 x 5 pixels"),
        ("1/d.jpg,0,?,5,5,,1,0,0", "face_y"),
        ("1/d.jpg,0,0,5", "it has 4 fields"),
    ],
)
def test_a_malformed_row_is_named(folder: Path, refused: Refused, row: str, words: str) -> None:
    path = folder / "training.csv"
    path.write_text(path.read_text() + row + "\n")
    refused(AFFECTNET, folder, at=path, row=5, words=words)


def test_a_missing_column_is_named(folder: Path, refused: Refused) -> None:
    path = folder / "training.csv"
    path.write_text(path.read_text().replace("arousal", "energy"))
    refused(AFFECTNET, folder, at=path, row=1, words="'arousal' is missing")
