from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.sources import SourceError
from affectkit.data.sources.picture_files import frame_members, picture_member
from affectkit.data.sources.row_values import RowValues

ROW = RowValues(Path("list.txt"), 3)


def test_frames_stand_in_the_order_of_their_numbers(tmp_path: Path, picture: Callable[[Path], Path]) -> None:
    for name in ("img_10.jpg", "img_2.JPEG", "img_1.png", ".hidden.jpg", "notes.txt"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("x")
        else:
            picture(tmp_path / name)
    assert {ext: path.name for ext, path in frame_members(tmp_path, ROW, listed=3).items()} == {
        "frame-000.png": "img_1.png",
        "frame-001.jpg": "img_2.JPEG",
        "frame-002.jpg": "img_10.jpg",
    }
    with pytest.raises(SourceError, match=r"list\.txt, row 3: .* has 3 frames, .*4"):
        frame_members(tmp_path, ROW, listed=4)


def test_a_picture_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(b"BM")
    with pytest.raises(SourceError, match=r"'a\.bmp' is none of \.jpeg, \.jpg, \.png, \.webp"):
        picture_member(tmp_path / "a.bmp", ROW)


def test_an_empty_frame_is_named(tmp_path: Path, picture: Callable[[Path], Path]) -> None:
    picture(tmp_path / "1.jpg")
    (tmp_path / "2.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match=r"2\.jpg is empty"):
        frame_members(tmp_path, ROW)
