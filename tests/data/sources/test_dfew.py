from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.sources.dfew import DFEW

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


@pytest.fixture
def folder(tmp_path: Path, frames: Callable[[Path, int], None]) -> Path:
    folder = tmp_path / "dfew"
    for fold, (train, test) in {1: ("1,1\n12,7\n", "3,3\n"), 2: ("1,1\n3,3\n", "12,7\n")}.items():
        for split, rows in (("train", train), ("test", test)):
            path = folder / "EmoLabel_DataSplit" / f"{split}(single-labeled)" / f"set_{fold}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("video_name,label\n" + rows)
    for clip, count in (("00001", 11), ("00003", 1), ("00012", 2)):
        frames(folder / "Clip" / "jpg_256" / clip, count)
    return folder


def test_frames_in_order_and_labels_from_one(folder: Path, made: Made) -> None:
    manifest, found = made(DFEW, folder)
    assert manifest.class_counts == {"train": (1, 0, 0, 0, 0, 0, 1), "test": (0, 0, 1, 0, 0, 0, 0)}
    record, members = found["train"]["00001"]
    assert record == {"id": "00001", "label": 0, "meta": {"frames": 11}}
    assert members == [f"frame-{i:03d}.jpg" for i in range(11)]
    (sample,) = (s for s in DFEW.read(folder) if s.key == "00001")
    # By number: the file 10.jpg comes after 9.jpg, not after 1.jpg.
    assert [path.stem for path in sample.members.values() if isinstance(path, Path)] == [
        str(i) for i in range(1, 12)
    ]


def test_another_fold(folder: Path, made: Made) -> None:
    manifest, found = made(DFEW, folder, {"fold": "2"})
    assert list(found["test"]) == ["00012"]
    assert manifest.created_by == "affectkit shards make dfew SRC OUT --option fold=2"
    with pytest.raises(ShardError, match="fold=6 of 'dfew' is none of 1, 2, 3, 4, 5"):
        DFEW.configured(folder, {"fold": "6"})


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1,2", "already in row 2 of set_1.csv"),
        ("77,2", "no folder of frames"),
        ("12,0", "label '0'"),
        ("x,1", "video name 'x'"),
    ],
)
def test_a_malformed_row_is_named(folder: Path, refused: Refused, row: str, words: str) -> None:
    path = folder / "EmoLabel_DataSplit" / "test(single-labeled)" / "set_1.csv"
    path.write_text(path.read_text() + row + "\n")
    refused(DFEW, folder, at=path, row=3, words=words)


def test_a_folder_without_frames_is_named(folder: Path, refused: Refused) -> None:
    for path in (folder / "Clip" / "jpg_256" / "00003").iterdir():
        path.unlink()
    path = folder / "EmoLabel_DataSplit" / "test(single-labeled)" / "set_1.csv"
    refused(DFEW, folder, at=path, row=2, words="has no frames")
