from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from affectkit.data.sources.affectnet_folders import AFFECTNET_FOLDERS

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[Path], Path]) -> Path:
    folder = tmp_path / "affectnet"
    for place, values in {
        "train_set/0": (np.array("1"), np.array("0.25"), np.array("-0.5")),
        "train_set/12": (np.array(7), np.array(-2.0), np.array(-2.0)),
        "val_set/0": (np.array("0"), np.array("0"), np.array("0")),
    }.items():
        split, name = place.split("/")
        picture(folder / split / "images" / f"{name}.jpg")
        (folder / split / "annotations").mkdir(exist_ok=True)
        for part, value in zip(("exp", "val", "aro"), values, strict=True):
            np.save(folder / split / "annotations" / f"{name}_{part}.npy", value)
    return folder


def test_annotations_as_text_or_numbers(folder: Path, made: Made) -> None:
    manifest, found = made(AFFECTNET_FOLDERS, folder)
    assert manifest.class_counts == {"train": (0, 1, 0, 0, 0, 0, 0, 1), "val": (1, 0, 0, 0, 0, 0, 0, 0)}
    assert found["train"]["0"] == ({"id": "train_set/0.jpg", "label": 1, "dims": [0.25, -0.5]}, ["jpg"])
    assert found["train"]["12"][0]["dims"] == [None, None]


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [("exp", "8", "expression '8'"), ("exp", "1.0", "expression '1.0'"), ("aro", "1.5", "arousal 1.5")],
)
def test_a_value_that_does_not_fit_is_named(
    folder: Path, refused: Refused, part: str, value: str, words: str
) -> None:
    np.save(folder / "train_set" / "annotations" / f"12_{part}.npy", np.array(value))
    refused(AFFECTNET_FOLDERS, folder, at=folder / "train_set" / "images", row=2, words=words)


def test_an_annotation_that_is_missing_or_no_number_is_named(folder: Path, refused: Refused) -> None:
    path = folder / "val_set" / "annotations" / "0_val.npy"
    for content, words in (
        (np.zeros(2), "holds 2 values"),
        (np.array([None]), "no plain array"),
    ):
        np.save(path, content, allow_pickle=True)
        refused(AFFECTNET_FOLDERS, folder, at=path, row=None, words=words)
    path.unlink()
    refused(AFFECTNET_FOLDERS, folder, at=path, row=None, words="cannot be read")


def test_a_missing_split_is_named(folder: Path, refused: Refused) -> None:
    (folder / "val_set").rename(folder / "validation")
    refused(AFFECTNET_FOLDERS, folder, at=folder / "val_set" / "images", row=None, words="no pictures")
