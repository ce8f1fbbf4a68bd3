"""Predictions as a table on disk, which goes on where it was interrupted."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import affectkit
from affectkit.callbacks.durable_text import append_text, move_into_place, partial_path, sync_file
from affectkit.predict.pictures.error import PredictError
from affectkit.predict.pictures.picture_item import PictureItem
from affectkit.predict.pictures.prediction import PicturePrediction
from affectkit.predict.pictures.predictor import PicturePredictor

FORMATS: Final = (".csv", ".jsonl")


class TableReport(NamedTuple):
    """What a call of :func:`write_predictions` did.

    Attributes:
        rows: Pictures in the table.
        unread: How many of them could not be read; their rows hold the error.
        kept: Rows that an interrupted call had made already.
    """

    rows: int
    unread: int
    kept: int


def write_predictions(
    predictor: PicturePredictor,
    items: Sequence[PictureItem],
    *,
    out: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
) -> TableReport:
    """Predict pictures and write a row for each, as CSV or JSON Lines by the name of the file.

    Columns: ``path``, ``label``, ``p_LABEL`` for each label, predicted values by name, ``region`` (what
    of the picture was shown), ``model`` (digest of the checkpoint) and ``error``. In JSON Lines the
    probabilities and values are objects. The table is whole or absent. Finished rows lie in
    ``.OUT.rows`` beside it: interrupted and called again with the same pictures, model and batch size,
    only the missing ones are predicted, and the table is that of an uninterrupted call. Whether a
    picture has changed in between is not looked at.

    Args:
        predictor: The model.
        items: The pictures, e.g. from :func:`~affectkit.predict.find_pictures`.
        out: File to write.
        progress: Called with (rows done, rows of all) after each batch.

    Raises:
        PredictError: If the name of ``out`` ends in neither ``.csv`` nor ``.jsonl``, or its folder is absent.
    """
    path = Path(out)
    if path.suffix not in FORMATS or not path.absolute().parent.is_dir():
        raise PredictError(
            f"The table {path} cannot be written: end its name in .csv or .jsonl, in a folder that exists."
        )
    rows = path.with_name(f".{path.name}.rows")
    kept = _keep(rows, _header(predictor, items), predictor.batch_size)
    if progress is not None:
        progress(kept, len(items))
    batch: list[str] = []
    done = kept
    for row in predictor.predict(items[kept:]):
        batch.append(json.dumps(plain_row(row, predictor.identity), ensure_ascii=False) + "\n")
        done += 1
        if len(batch) == predictor.batch_size or done == len(items):
            append_text(rows, "".join(batch))
            batch = []
            if progress is not None:
                progress(done, len(items))
    unread = _render(rows, path)
    rows.unlink()
    return TableReport(len(items), unread, kept)


def plain_row(row: PicturePrediction, identity: str) -> dict[str, object]:
    """One line of JSON Lines, as plain values; probabilities to six digits."""
    return {
        "path": row.path,
        "label": row.label,
        "probabilities": {name: round(value, 6) for name, value in row.probabilities.items()},
        "values": {name: round(value, 6) for name, value in row.dims.items()},
        "region": row.region,
        "model": identity,
        "error": row.error,
    }


def csv_lines(rows: Iterable[dict[str, object]]) -> Iterator[str]:
    """The lines of a CSV file; the columns are those of the first row without an error."""
    waiting: list[dict[str, object]] = []
    columns: tuple[list[str], list[str]] | None = None
    for row in rows:
        waiting.append(row)
        if columns is None and row["error"] is None:
            columns = _names(row["probabilities"]), _names(row["values"])
            yield _header_line(*columns)
        if columns is not None:
            yield from (_csv_line(each, *columns) for each in waiting)
            waiting = []
    if columns is None:  # nothing could be read
        yield _header_line([], [])
        yield from (_csv_line(each, [], []) for each in waiting)


def _header_line(labels: Sequence[str], values: Sequence[str]) -> str:
    return _line(["path", "label", *(f"p_{name}" for name in labels), *values, "region", "model", "error"])


def _csv_line(row: dict[str, object], labels: Sequence[str], values: Sequence[str]) -> str:
    cells = [*_cells(row["probabilities"], labels), *_cells(row["values"], values)]
    return _line([row["path"], row["label"], *cells, row["region"], row["model"], row["error"]])


def _names(values: object) -> list[str]:
    return list(values) if isinstance(values, dict) else []


def _cells(values: object, names: Sequence[str]) -> list[str]:
    known = values if isinstance(values, dict) else {}
    return [f"{known[name]:.6f}" if name in known else "" for name in names]


def _line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()


def _header(predictor: PicturePredictor, items: Sequence[PictureItem]) -> dict[str, object]:
    names = hashlib.sha256()
    for item in items:
        names.update(f"{item.path}\0{item.region}\0".encode("utf-8", "surrogateescape"))
    return {
        "version": affectkit.__version__,
        "model": predictor.identity,
        "batch_size": predictor.batch_size,
        "pictures": names.hexdigest(),
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


def _render(rows: Path, path: Path) -> int:
    unread = 0

    def read() -> Iterator[dict[str, object]]:
        nonlocal unread
        with rows.open(encoding="utf-8") as lines:
            next(lines)
            for line in lines:
                row: dict[str, object] = json.loads(line)
                unread += row["error"] is not None
                yield row

    partial = partial_path(path)
    with partial.open("w", encoding="utf-8", newline="") as file:
        as_lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in read())
        file.writelines(csv_lines(read()) if path.suffix == ".csv" else as_lines)
    sync_file(partial)
    move_into_place(partial, path)
    return unread
