"""Rows of a published list without a header, each with the line to blame when it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affectkit.data.sources.source import SourceError


def list_rows(path: Path, *, fields: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of a UTF-8 list whose fields are separated by a space.

    The first field may hold spaces, as file names do; the others are taken from the end.

    Args:
        path: The file.
        fields: Number of fields in a row.

    Raises:
        SourceError: If the file is absent, empty or not UTF-8, or a row has too few fields.
    """
    empty = True
    for line, text in enumerate(text_lines(path), 1):
        if not text.strip():
            continue
        empty = False
        found = text.strip().rsplit(" ", fields - 1)
        if len(found) != fields or not all(found):
            raise SourceError(path, line, f"it has no {fields} fields with a space between; correct it.")
        yield line, found
    if empty:
        raise SourceError(path, None, "the list has no rows; use the file as it was published.")


def text_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file.

    Raises:
        SourceError: If the file is absent or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            path, None, f"byte {error.start} is not UTF-8; use the file as it was published."
        ) from error
