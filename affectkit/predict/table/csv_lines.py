"""Rows of predictions as lines of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from affectkit.predict.table.table_columns import TableColumns


def csv_lines(rows: Iterable[dict[str, object]], columns: TableColumns) -> Iterator[str]:
    """The header, then a line for each row; numbers have six digits, times three."""
    names = columns.names
    cells_of = columns.reader()
    text = _Line()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    yield text.line
    for row in rows:
        writer.writerow([_cell(name, value) for name, value in zip(names, cells_of(row), strict=True)])
        yield text.line


class _Line:
    """The file that a writer of the standard library wants; it keeps the last line."""

    line = ""

    def write(self, line: str) -> None:
        self.line = line


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if name in ("start", "stop") else f"{value:.6f}"
    return str(value)
