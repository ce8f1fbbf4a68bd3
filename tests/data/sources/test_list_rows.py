from __future__ import annotations

from pathlib import Path

import pytest

from affectkit.data.sources import SourceError
from affectkit.data.sources.list_rows import list_rows


def test_the_first_field_may_hold_spaces_and_empty_lines_are_passed(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfa clip 3 1\r\n\r\nb 2 0")
    assert list(list_rows(path, fields=3)) == [(1, ["a clip", "3", "1"]), (3, ["b", "2", "0"])]


@pytest.mark.parametrize("row", ["a 1", "a  1", "a\t1 2"])
def test_a_row_with_too_few_fields_is_named(tmp_path: Path, row: str) -> None:
    (tmp_path / "list.txt").write_text(f"a 1 2\n{row}\n")
    with pytest.raises(SourceError, match=r"list\.txt, row 2: it has no 3 fields"):
        list(list_rows(tmp_path / "list.txt", fields=3))


@pytest.mark.parametrize(("data", "words"), [(b"\n\n", "no rows"), (b"a \xff 1", "byte 2 is not UTF-8")])
def test_an_unreadable_list_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "list.txt").write_bytes(data)
    with pytest.raises(SourceError, match=words):
        list(list_rows(tmp_path / "list.txt", fields=3))
