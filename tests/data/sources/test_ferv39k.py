from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.ferv39k import FERV39K

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


@pytest.fixture
def folder(tmp_path: Path, frames: Callable[[Path, int], None]) -> Path:
    folder = tmp_path / "ferv39k"
    lists = folder / "4_setups" / "All_scenes"
    lists.mkdir(parents=True)
    (lists / "train_All.csv").write_text("Action/Happy/0015 Happy\nDaily Life/Sad/0015 Sad\n")
    (lists / "test_All.csv").write_text("Action/Fear/0001 Fear\n")
    for clip in ("Action/Happy/0015", "Daily Life/Sad/0015", "Action/Fear/0001"):
        frames(folder / "2_ClipsforFaceCrop" / clip, 2)
    return folder


def test_clips_of_equal_number_stay_apart(folder: Path, made: Made) -> None:
    manifest, found = made(FERV39K, folder)
    assert manifest.class_counts == {"train": (1, 1, 0, 0, 0, 0, 0), "test": (0, 0, 0, 0, 0, 0, 1)}
    record, members = found["train"]["Daily_Life/Sad/0015"]
    assert record == {"id": "Daily Life/Sad/0015", "label": 1, "meta": {"frames": 2}}
    assert members == ["frame-000.jpg", "frame-001.jpg"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Action/Fear/0001 Joyless", "label 'Joyless' is none of happy"),
        ("Action/Happy/0015 Happy", "already in row 1 of train_All.csv"),
        ("/Action/Fear/0001 Fear", "leaves"),
        ("Action/Fear/0001", "no 2 fields"),
    ],
)
def test_a_malformed_row_is_named(folder: Path, refused: Refused, row: str, words: str) -> None:
    path = folder / "4_setups" / "All_scenes" / "test_All.csv"
    path.write_text(path.read_text() + row + "\n")
    refused(FERV39K, folder, at=path, row=2, words=words)
