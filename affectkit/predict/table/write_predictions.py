"""Predictions as a table on disk, which goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import affectkit
from affectkit.callbacks.durable_text import move_into_place, partial_path, sync_file
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.prediction import Prediction
from affectkit.predict.predictor import Predictor
from affectkit.predict.table.csv_lines import csv_lines
from affectkit.predict.table.parquet_file import require_parquet, write_parquet
from affectkit.predict.table.plain_row import plain_row, read_plain_row
from affectkit.predict.table.table_columns import TableColumns

FORMATS: Final = (".csv", ".jsonl", ".parquet")
#: Made once: `json.dumps` would make one for each row.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


class TableReport(NamedTuple):
    """What a call of :func:`write_predictions` did.

    Attributes:
        rows: Rows of the table.
        unread: How many of them could not be read; these hold the error.
        kept: Rows that an interrupted call had made already.
    """

    rows: int
    unread: int
    kept: int


def write_predictions(
    predictor: Predictor,
    items: Sequence[PredictItem],
    *,
    out: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[Prediction], None] | None = None,
) -> TableReport:
    """Predict items and write a row for each, as CSV, JSON Lines or Parquet by the name of the file.

    Columns: ``path``, where files have parts ``part``, ``start``, ``stop`` and ``text``, then ``label``,
    ``labels`` where several may hold, ``p_LABEL`` for each label, predicted values by name, ``top`` (the
    largest probability), ``entropy`` (of the probabilities, in nats), ``scaling`` where one was used,
    ``region`` (what was shown), ``model`` (digest of the checkpoint), ``data`` (SHA-256 of the file) and
    ``error``. In JSON Lines the probabilities and values are objects, and the labels a list.
    The table is whole or absent. Finished rows lie in ``.OUT.rows`` beside it: interrupted and called
    again with the same items, model and batch size, only the missing ones are predicted, and the table is
    that of an uninterrupted call. Whether a file has changed in between is not looked at.

    Args:
        predictor: The model.
        items: What is predicted, e.g. from its ``find``.
        out: File to write.
        progress: Called with (rows done, rows of all) after each batch.
        watch: Called with each row of the finished table in turn, rounded as it is and without logits.

    Raises:
        MissingExtraError: If ``out`` ends in ``.parquet`` and pyarrow is not installed.
        PredictError: If the name of ``out`` ends in none of these, or its folder is absent.
    """
    path = check_table_path(out)
    rows = path.with_name(f".{path.name}.rows")
    kept = _keep(rows, _header(predictor, items), predictor.batch_size)
    if progress is not None:
        progress(kept, len(items))
    columns, unread = TableColumns(), 0
    for plain in _read(rows):
        columns, unread = columns.including(plain), unread + (plain["error"] is not None)
    batch: list[str] = []
    done = kept
    # Without a buffer: each batch is written at once, so that a killed process leaves whole ones.
    with rows.open("ab", buffering=0) as file:
        for row in predictor.rows(items[kept:]):
            plain = plain_row(row, predictor.identity)
            columns, unread = columns.including(plain), unread + (plain["error"] is not None)
            batch.append(_ENCODER.encode(plain) + "\n")
            done += 1
            if len(batch) == predictor.batch_size or done == len(items):
                file.write("".join(batch).encode())
                batch = []
                if progress is not None:
                    progress(done, len(items))
    _render(rows, path, columns, watch)
    rows.unlink()
    return TableReport(len(items), unread, kept)


def check_table_path(out: str | os.PathLike[str]) -> Path:
    """Refuse a table that could not be written, before the work and not after it.

    Args:
        out: File to write.

    Raises:
        MissingExtraError: If its name ends in ``.parquet`` and pyarrow is not installed.
        PredictError: If its name ends in none of the formats, or its folder is absent.
    """
    path = Path(out)
    if path.suffix not in FORMATS:
        raise PredictError(
            f"The table {path} ends in {path.suffix or 'nothing'!r}: end its name in .csv, .jsonl or "
            ".parquet."
        )
    if not path.absolute().parent.is_dir():
        raise PredictError(
            f"The table {path} cannot be written, since there is no folder {path.parent}: make it, or "
            "correct the path."
        )
    if path.suffix == ".parquet":
        require_parquet()
    return path


def _header(predictor: Predictor, items: Sequence[PredictItem]) -> dict[str, object]:
    names = hashlib.sha256()
    for item in items:
        stated = f"{item.path}\0{item.region}\0{item.part}\0{item.start}\0{item.stop}\0{item.text}\0"
        names.update(stated.encode("utf-8", "surrogateescape"))
    return {
        "version": affectkit.__version__,
        "model": predictor.identity,
        "batch_size": predictor.batch_size,
        "manner": predictor.manner,
        "items": names.hexdigest(),
        "labels": None if predictor.label_space is None else list(predictor.label_space),
    }


def _keep(path: Path, header: dict[str, object], batch_size: int) -> int:
    """Cut the rows of an interrupted call to whole batches and count them; start anew for another call."""
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    first = json.dumps(header).encode() + b"\n"
    whole = [line for line in lines[1:] if line.endswith(b"\n")] if lines[:1] == [first] else []
    # Whole batches, so that the others run together with the same neighbours.
    kept = len(whole) // batch_size * batch_size
    path.write_bytes(b"".join([first, *whole[:kept]]))
    return kept


def _render(
    rows: Path, path: Path, columns: TableColumns, watch: Callable[[Prediction], None] | None
) -> None:
    def watched() -> Iterator[dict[str, object]]:
        for position, row in enumerate(_read(rows)):
            if watch is not None:
                watch(read_plain_row(position, row))
            yield row

    partial = partial_path(path)
    if path.suffix == ".parquet":
        write_parquet(partial, watched(), columns)
    elif path.suffix == ".csv":
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.writelines(csv_lines(watched(), columns))
    else:
        if watch is not None:
            deque(watched(), maxlen=0)
        with rows.open("rb") as stored, partial.open("wb") as copy:
            next(stored)  # what the call was
            shutil.copyfileobj(stored, copy)
    sync_file(partial)
    move_into_place(partial, path)


def _read(rows: Path) -> Iterator[dict[str, object]]:
    with rows.open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            row: dict[str, object] = json.loads(line)
            yield row
