from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.data.schema import ShardError
from affectkit.data.sources import SOURCES, SourceError, csv_rows, find_source, repair_windows_1252


def test_sources_are_listed_under_their_names() -> None:
    assert all(
        name == source.template.name and not source.template.shards for name, source in SOURCES.items()
    )
    with pytest.raises(ShardError, match=r"use one of .*meld"):
        find_source("mled")


def test_the_error_survives_a_process_boundary() -> None:
    error = SourceError(Path("x.csv"), 3, "because")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, SourceError)
    assert (str(again), again.row) == ("x.csv, row 3: because", 3)


def table(tmp_path: Path, data: bytes) -> list[tuple[int, dict[str, str]]]:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    return list(csv_rows(path, columns=["a", "b"]))


def test_rows_carry_their_line_also_after_quoted_line_breaks(tmp_path: Path) -> None:
    rows = table(tmp_path, b'\xef\xbb\xbfa,b\r\n"1\r\nx",2\r\n\r\n3,4\r\n')
    assert rows == [(3, {"a": "1\r\nx", "b": "2"}), (5, {"a": "3", "b": "4"})]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "row 1: the column 'a' is missing"),
        (b"a\n1\n", "the column 'b' is missing"),
        (b"a,b\n", "no rows"),
        (b"a,b\n1,2\n1,2,3\n", "row 3: it has 3 fields, the header 2"),
        (b'a,b\n1,"2\n', "row 2: it is no CSV"),
        (b"a,b\n1,2\n\xff,2\n", "row 3: byte 0xff"),
        ("a,b\n1,2\n".encode("utf-16"), "byte 0xff is not UTF-8"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        table(tmp_path, data)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.csv: it cannot be read"):
        list(csv_rows(tmp_path / "none.csv", columns=[]))


@given(st.text())
def test_only_control_characters_change(text: str) -> None:
    repaired = repair_windows_1252(text)
    assert not any("\x80" <= letter <= "\x9f" for letter in repaired)
    assert repair_windows_1252(repaired) == repaired
    kept = [letter for letter in text if not "\x80" <= letter <= "\x9f"]
    if len(kept) == len(text):
        assert repaired == text


def test_what_windows_meant() -> None:
    damaged = "…‘’“”–—€™œ".encode("cp1252").decode("latin-1")
    assert repair_windows_1252(damaged) == "…‘’“”–—€™œ"
    assert repair_windows_1252("a\x81b") == "ab"
