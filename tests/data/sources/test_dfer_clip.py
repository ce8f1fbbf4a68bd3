from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.sources.dfer_clip import DFER_CLIP

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused

FAR = "/data/somebody/datasets"


@pytest.fixture
def folder(tmp_path: Path, frames: Callable[[Path, int], None]) -> Path:
    folder = tmp_path / "lists"
    (folder / "annotation").mkdir(parents=True)
    rows = {
        "MAFW_set_1_train": f"{FAR}/MAFW/data/faces/00025 3 3\n",
        "MAFW_set_1_test": f"{FAR}/MAFW/data/faces/00028 1 0\n",
        "DFEW_set_2_train": f"{FAR}/DFEW/Clip/00001 2 6\n",
        "DFEW_set_2_test": f"{FAR}/DFEW/Clip/00002 2 0\n",
        "FERV39K_train": f"{FAR}/FERV39K/2_ClipsforFaceCrop/Action/Sad/0001 1 1\n",
        "FERV39K_test": f"{FAR}/FERV39K/2_ClipsforFaceCrop/Action/Happy/0001 1 0\n",
    }
    for name, text in rows.items():
        (folder / "annotation" / f"{name}.txt").write_text(text)
    for clip, count in (
        ("data/faces/00025", 3),
        ("data/faces/00028", 1),
        ("Clip/00001", 2),
        ("Clip/00002", 2),
        ("2_ClipsforFaceCrop/Action/Sad/0001", 1),
        ("2_ClipsforFaceCrop/Action/Happy/0001", 1),
    ):
        frames(folder / clip, count)
    return folder


def test_the_other_order_of_mafw(folder: Path, made: Made) -> None:
    manifest, found = made(DFER_CLIP, folder)
    assert manifest.name == "mafw"
    assert manifest.label_space is not None and manifest.label_space.labels[3] == "anger"
    record = found["train"]["data/faces/00025"][0]
    assert record == {"id": "data/faces/00025", "label": 3, "meta": {"frames": 3}}


@pytest.mark.parametrize(("name", "fold", "label"), [("dfew", "2", "fear"), ("ferv39k", "1", "sad")])
def test_the_other_sets(folder: Path, made: Made, name: str, fold: str, label: str) -> None:
    manifest, found = made(DFER_CLIP, folder, {"set": name, "fold": fold})
    ((record, _),) = found["train"].values()
    assert manifest.label_space is not None
    assert (manifest.name, manifest.label_space.labels[record["label"]]) == (name, label)


def test_another_set_is_refused(folder: Path) -> None:
    with pytest.raises(ShardError, match="set=caer of 'dfer_clip' is none of dfew, ferv39k, mafw"):
        DFER_CLIP.configured(folder, {"set": "caer"})


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"{FAR}/MAFW/data/faces/00028 2 0", "has 1 frames"),
        (f"{FAR}/MAFW/data/faces/00028 1 11", "label '11'"),
        (f"{FAR}/MAFW/data/faces/00099 1 0", "no end of the path"),
        (f"{FAR}/../faces/00028 1 0", "climbs"),
        (f"{FAR}/MAFW/data/faces/00025 3 3", "already in row 1 of MAFW_set_1_train.txt"),
        ("00028 1", "no 3 fields"),
    ],
)
def test_a_malformed_row_is_named(folder: Path, refused: Refused, row: str, words: str) -> None:
    path = folder / "annotation" / "MAFW_set_1_test.txt"
    path.write_text(row + "\n")
    refused(DFER_CLIP, folder, at=path, row=1, words=words)
