"""A log that survives every interruption, because nothing in it is ever rewritten."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from affectkit.callbacks.durable_text import append_text

COLUMNS = ("start", "step", "epoch", "key", "value")
#: Key of the row with which training starts; its value is the step that it goes on from.
START_KEY = "start/step"


class AppendingCSVLogger(Logger):
    """Appends one row for each value to ``metrics.csv``: ``start,step,epoch,key,value``.

    Each process that writes takes the next ``start`` number. A training that is resumed appends
    the step it goes on from; rows that an earlier start wrote from that step on are superseded,
    which :func:`read_log` takes into account. The file itself is only ever appended to.

    Args:
        folder: Folder of the run; ``metrics.csv`` lies in it.
    """

    FILE = "metrics.csv"

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._start: int | None = None

    @property
    def path(self) -> Path:
        """Path of the log."""
        return self.folder / self.FILE

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return self.folder.name

    @property
    def version(self) -> str:
        """Empty: a run has one folder, whatever happens to it."""
        return ""

    @property
    def save_dir(self) -> str:
        """Folder of the run."""
        return str(self.folder)

    @rank_zero_only
    def begin_fit(self, step: int) -> None:
        """Note that training starts at ``step``, the number of optimizer steps already done."""
        # A second training in one process, as in a notebook, is a start of its own.
        self._start = None
        self._append([(step, "", START_KEY, repr(float(step)))])

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append values of one step."""
        epoch = metrics.get("epoch")
        place = "" if epoch is None else str(int(epoch))
        self._append(
            [
                ("" if step is None else step, place, key, repr(float(value)))
                for key, value in metrics.items()
                if key != "epoch"
            ]
        )

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Write nothing: the run's configuration and its checkpoints hold them."""

    def _append(self, rows: list[tuple[int | str, str, str, str]]) -> None:
        if not rows:
            return
        text = ""
        if self._start is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            text, self._start = self._open()
        for step, epoch, key, value in rows:
            if any(mark in key for mark in ',"\r\n'):
                raise ValueError(
                    f"The log cannot hold the key {key!r}: leave out commas, quotes and line ends."
                )
            text += f"{self._start},{step},{epoch},{key},{value}\n"
        append_text(self.path, text)

    def _open(self) -> tuple[str, int]:
        """Return what must be written before the first row, and the number of this start."""
        if not self.path.is_file() or self.path.stat().st_size == 0:
            return ",".join(COLUMNS) + "\n", 0
        text = self.path.read_text(encoding="utf-8")
        starts = [
            int(head) for head in (line.split(",", 1)[0] for line in text.splitlines()) if head.isdigit()
        ]
        # A power cut may have torn the last row; too many fields make readers pass over it.
        return "" if text.endswith("\n") else ",,,,,torn\n", max(starts, default=-1) + 1
