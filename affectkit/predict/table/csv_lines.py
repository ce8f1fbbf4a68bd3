"""Rows of predictions as lines of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from affectkit.predict.table.table_columns import TableColumns


def csv_lines(rows: Iterable[dict[str, object]], columns: TableColumns) -> Iterator[str]:
    """The header, then a line for each row; numbers have six digits, times three."""
    names = columns.names
    yield _line(names)
    for row in rows:
        cells = zip(names, columns.cells(row), strict=True)
        yield _line([_cell(name, value) for name, value in cells])


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if name in ("start", "stop") else f"{value:.6f}"
    return str(value)


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
