"""Reading the log of a run that may have been interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from affectkit.callbacks.appending_csv_logger import COLUMNS, START_KEY, AppendingCSVLogger


class LogRow(NamedTuple):
    """One value of a log; ``step`` and ``epoch`` are None where they mean nothing."""

    start: int
    step: int | None
    epoch: int | None
    key: str
    value: float


def read_log(path: str | Path) -> list[LogRow]:
    """Rows of a log as an uninterrupted run would have written them.

    Left out are rows of ``train/`` and ``val/`` that an earlier start wrote from the step on which
    a later one went on from, rows that a later start wrote again, and a torn last row.

    Args:
        path: ``metrics.csv``, or the folder of the run that holds it.

    Returns:
        Rows in the order in which they were written.

    Raises:
        FileNotFoundError: If there is no log.
        ValueError: If the file is not such a log.
    """
    path = Path(path)
    file = path / AppendingCSVLogger.FILE if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"There is no log {file}: name the folder of a run that has been started.")
    with file.open(encoding="utf-8", newline="") as stream:
        header, *lines = stream.read().split("\n")
    # What follows the last line end is a row that was torn, or nothing.
    lines = lines[:-1]
    if tuple(header.split(",")) != COLUMNS:
        raise ValueError(f"{file} is not a log of affectkit: its first line is not {','.join(COLUMNS)!r}.")
    rows = [row for row in map(_parse, lines) if row is not None]
    # Step from which each start superseded what had been written before.
    began = {row.start: row.value for row in rows if row.key == START_KEY}
    latest: dict[tuple[str, int | None], int] = {}
    for row in rows:
        latest[row.key, row.step] = max(row.start, latest.get((row.key, row.step), row.start))
    return [
        row
        for row in rows
        if row.key != START_KEY and row.start == latest[row.key, row.step] and not _superseded(row, began)
    ]


def _superseded(row: LogRow, began: dict[int, float]) -> bool:
    if row.step is None or not row.key.startswith(("train/", "val/")):
        return False
    return any(start > row.start and row.step >= step for start, step in began.items())


def _parse(line: str) -> LogRow | None:
    fields = line.split(",")
    if len(fields) != len(COLUMNS):
        return None
    start, step, epoch, key, value = fields
    return LogRow(int(start), int(step) if step else None, int(epoch) if epoch else None, key, float(value))
