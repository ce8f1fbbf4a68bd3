"""Rows of a JSONL file, each with the line to blame when it is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from affectkit.data.schema import ShardError, parse_json
from affectkit.data.sources.source import SourceError


def jsonl_rows(path: Path, *, columns: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, row) of a file with one JSON object a line, values as text.

    Null and a name that is absent become the empty text, as an empty cell of a CSV does; a list
    becomes its texts with a vertical bar between.

    Args:
        path: The file.
        columns: Names that some row must have.

    Raises:
        SourceError: If the file is absent, empty or not UTF-8, a line is no JSON object, a value
            is an object, or a column never occurs.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.") from error
    unseen = set(columns)
    empty = True
    for line, data in enumerate(content.split(b"\n"), 1):
        if not data.strip():
            continue
        empty = False
        try:
            value = parse_json(data, where="it")
        except ShardError as error:
            raise SourceError(path, line, str(error)) from error
        if not isinstance(value, dict):
            raise SourceError(path, line, "it is no JSON object; write one object a line.")
        unseen -= set(value)
        yield line, {name: _text(path, line, name, value.get(name)) for name in columns}
    if empty:
        raise SourceError(path, None, "the file has no rows; use the file that holds them.")
    if unseen:
        raise SourceError(path, None, f"no row has the name {min(unseen)!r}; correct the column map.")


def _text(path: Path, line: int, name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and not any(isinstance(part, dict | list) for part in value):
        return "|".join(_text(path, line, name, part) for part in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SourceError(path, line, f"{name!r} is {value!r}; write a text, a number, a list or null.")
    return str(value)
