from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.mafw import MAFW
from affectkit.labels import label_space

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


@pytest.fixture
def folder(tmp_path: Path, frames: Callable[[Path, int], None]) -> Path:
    folder = tmp_path / "mafw"
    for fold in range(1, 6):
        lists = folder / "split" / "single" / "no_caption" / f"set_{fold}"
        lists.mkdir(parents=True)
        rows = [f"0000{i}.mp4 {'anger' if i == 1 else 'helplessness'}\n" for i in range(1, 6)]
        (lists / "test.txt").write_text(rows.pop(fold - 1))
        (lists / "train.txt").write_text("".join(rows))
    for i in range(1, 6):
        frames(folder / "data" / "frames" / f"0000{i}", i)
    return folder


def test_names_become_the_order_of_mae_dfer(folder: Path, made: Made) -> None:
    manifest, found = made(MAFW, folder, {"fold": "3"})
    assert list(found["test"]) == ["00003"]
    assert found["test"]["00003"][0] == {"id": "00003", "label": 9, "meta": {"frames": 3}}
    assert found["train"]["00001"][0]["label"] == 0
    assert manifest.label_space is not None
    other = manifest.label_space.map_to(label_space("mafw11.dfer_clip"))
    assert other([0, 9]) == [3, 9]


def test_a_malformed_row_is_named(folder: Path, refused: Refused) -> None:
    path = folder / "split" / "single" / "no_caption" / "set_1" / "train.txt"
    path.write_text(path.read_text() + "00001.mp4 rage\n")
    refused(MAFW, folder, at=path, row=5, words="label 'rage' is none of anger")
