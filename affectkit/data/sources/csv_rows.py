"""Rows of a published CSV, each with the line to blame when it is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path

from affectkit.data.sources.source import SourceError

_REMEDY = "use the file as it was published"


def csv_rows(path: Path, *, columns: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, row) of a UTF-8 CSV with a header line.

    Args:
        path: The file.
        columns: Columns that it must have; others are handed on.

    Raises:
        SourceError: If the file is absent, empty or not UTF-8, a column is missing, or a row has
            another number of fields.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(reader, [])
        missing = [name for name in columns if name not in header]
        if missing:
            raise SourceError(path, 1, f"the column {missing[0]!r} is missing; {_REMEDY}.")
        empty = True
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                raise SourceError(
                    path,
                    reader.line_num,
                    f"it has {len(fields)} fields, the header {len(header)}; quote fields with commas.",
                )
            empty = False
            yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise SourceError(path, reader.line_num, f"it is no CSV ({error}); {_REMEDY}.") from error
    if empty:
        raise SourceError(path, None, f"the file has no rows; {_REMEDY}.")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise SourceError(path, row, f"byte 0x{data[error.start]:02x} is not UTF-8; {_REMEDY}.") from error
