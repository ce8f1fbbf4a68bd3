from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.emoset import EMOSET

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


def numbered(*labels: str) -> dict[str, dict[str, object]]:
    return {
        "label2idx": {label: i for i, label in enumerate(labels)},
        "idx2label": {str(i): label for i, label in enumerate(labels)},
    }


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[Path], Path]) -> Path:
    folder = tmp_path / "emoset"
    folder.mkdir()
    steps = [str(i / 10) for i in range(11)]
    info = {
        "emotion": numbered("amusement", "awe"),
        "scene": numbered("street", "beach"),
        "object": numbered("Dog", "Tree"),
        "facial_expression": numbered("Happy", "Sad"),
        "human_action": numbered("running"),
        "brightness": numbered(*steps),
        "colorfulness": numbered(*steps),
    }
    (folder / "info.json").write_text(json.dumps(info))
    annotations = {
        "awe_00001": {"brightness": 0.5, "colorfulness": 0.0, "scene": "beach", "object": ["Tree", "Dog"]},
        "fear_00002": {"facial_expression": "Sad"},
        "anger_00003": {"brightness": 1.0, "human_action": "running", "object": []},
    }
    for name, annotation in annotations.items():
        emotion = name.partition("_")[0]
        picture(folder / "image" / emotion / f"{name}.jpg")
        (folder / "annotation" / emotion).mkdir(parents=True)
        (folder / "annotation" / emotion / f"{name}.json").write_text(json.dumps(annotation))
    for split, name in zip(("train", "val", "test"), annotations, strict=True):
        emotion = name.partition("_")[0]
        row = [emotion, name, f"image/{emotion}/{name}.jpg", f"annotation/{emotion}/{name}.json"]
        (folder / f"{split}.json").write_text(json.dumps([row]))
    return folder


def test_emotion_by_name_and_attributes_by_the_order_of_the_file(folder: Path, made: Made) -> None:
    manifest, found = made(EMOSET, folder)
    assert manifest.extra_spaces["scene"].labels == ("street", "beach")
    assert len(manifest.extra_spaces["brightness"]) == 11
    record, members = found["train"]["awe_00001"]
    assert members == ["jpg"]
    assert record == {
        "id": "awe_00001",
        "label": 2,
        "extra": {
            "brightness": 5,
            "colorfulness": 0,
            "scene": 1,
            "facial_expression": None,
            "human_action": None,
            "object": [0, 1],
        },
    }
    assert manifest.extra_spaces["object"].kind == "multilabel"
    # Not annotated and none there are different things.
    assert found["val"]["fear_00002"][0]["extra"]["object"] is None
    assert found["test"]["anger_00003"][0]["extra"]["object"] == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["awe", "x"], r"no \[emotion, id, picture, annotation\]"),
        (["calm", "x", "image/awe/awe_00001.jpg", "annotation/awe/awe_00001.json"], "label 'calm' is none"),
        (["awe", "awe_00001", "image/awe/awe_00001.jpg", "annotation/awe/awe_00001.json"], "already used"),
        (["awe", "x", "image/awe/none.jpg", "annotation/awe/awe_00001.json"], "none.jpg is missing"),
        (["awe", "x", "image/awe/awe_00001.jpg", "../other.json"], "leaves"),
    ],
)
def test_a_malformed_row_is_named(folder: Path, refused: Refused, row: list[str], words: str) -> None:
    path = folder / "train.json"
    path.write_text(json.dumps([*json.loads(path.read_text()), row]))
    refused(EMOSET, folder, at=path, row=2, words=words)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ({"scene": "moon"}, "scene is 'moon'"),
        ({"object": ["Dog", "Cat"]}, "object is 'Cat'"),
        ({"object": "Dog"}, "object is no list"),
    ],
)
def test_an_unknown_attribute_is_named(
    folder: Path, refused: Refused, annotation: dict[str, object], words: str
) -> None:
    path = folder / "annotation" / "awe" / "awe_00001.json"
    path.write_text(json.dumps(annotation))
    refused(EMOSET, folder, at=path, row=None, words=words)


def test_numbers_with_a_gap_are_refused(folder: Path, refused: Refused) -> None:
    info = json.loads((folder / "info.json").read_text())
    info["scene"]["label2idx"]["beach"] = 2
    (folder / "info.json").write_text(json.dumps(info))
    refused(EMOSET, folder, at=folder / "info.json", row=None, words="does not number 'scene'")
