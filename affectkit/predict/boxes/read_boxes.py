"""Boxes of faces or persons in a CSV file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.row_values import RowValues

_COLUMNS: Final = ("path", "left", "top", "right", "bottom")


class Box(NamedTuple):
    """Edges of a part of a frame, in pixels of the stored picture."""

    left: float
    top: float
    right: float
    bottom: float

    def __str__(self) -> str:
        return " ".join(f"{edge:g}" for edge in self)


#: Boxes of each file, by its whole path.
FileBoxes: TypeAlias = Mapping[Path, tuple[Box, ...]]


def read_boxes(path: str | os.PathLike[str]) -> FileBoxes:
    """Read a CSV with the columns ``path,left,top,right,bottom``, in any order and with others beside them.

    A path that is not whole starts at the folder of the CSV, or else at the working directory. A file
    with several rows has several boxes.

    Args:
        path: The CSV.

    Raises:
        SourceError: If it cannot be read, a column is absent, or a row holds no box.
    """
    table = Path(path)
    found: dict[Path, tuple[Box, ...]] = {}
    for line, fields in csv_rows(table, columns=_COLUMNS):
        row = RowValues(table, line)
        box = Box(*(row.real(fields[name], what=name) for name in _COLUMNS[1:]))
        if box.right <= box.left or box.bottom <= box.top:
            raise row.wrong(f"the box {box} holds no pixel; give left, top, right and bottom.")
        beside = table.parent / fields["path"]
        place = (beside if beside.exists() else Path(fields["path"])).resolve()
        found[place] = (*found.get(place, ()), box)
    return found
