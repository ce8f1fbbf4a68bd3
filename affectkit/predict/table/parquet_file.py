"""Rows of predictions as a Parquet file; the only module that touches pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from affectkit._optional import require
from affectkit.predict.table.table_columns import TableColumns

_GROUP: Final = 4096


def write_parquet(path: Path, rows: Iterable[dict[str, object]], columns: TableColumns) -> None:
    """Write a Parquet file whose numbers are float64 and whose other cells are texts.

    Args:
        path: File to write.
        rows: The rows, read once; so many of them are held as a row group has.
        columns: What they have.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    arrow = require_parquet()
    parquet: Any = arrow.parquet
    kinds = {name: arrow.float64() if name in columns.numbers else arrow.string() for name in columns.names}
    schema: Any = arrow.schema(list(kinds.items()))
    with parquet.ParquetWriter(str(path), schema) as writer:
        for group in _groups(map(columns.reader(), rows)):
            arrays = [
                arrow.array(list(cells), type=kind)
                for cells, kind in zip(zip(*group, strict=True), kinds.values(), strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def require_parquet() -> Any:
    """Import pyarrow with its reader and writer of Parquet.

    Raises:
        MissingExtraError: If it is not installed.
    """
    require("pyarrow.parquet", extra="tables", purpose="Writing Parquet")
    return require("pyarrow", extra="tables", purpose="Writing Parquet")


def _groups(rows: Iterator[list[object]]) -> Iterator[list[list[object]]]:
    while group := list(islice(rows, _GROUP)):
        yield group
