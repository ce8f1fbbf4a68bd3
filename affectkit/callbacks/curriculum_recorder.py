"""Which samples a curriculum opened in which epoch, and in which order they were shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, Protocol, TypedDict, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer

from affectkit.callbacks.durable_text import append_text


@runtime_checkable
class OrdersByCurriculum(Protocol):
    """A data module that can say what a curriculum opens."""

    def curriculum_order(self, epoch: int) -> Sequence[tuple[str, float]]:
        """Key and difficulty of each open sample, easiest first; empty without a curriculum."""
        ...

    def shown_keys(self, epoch: int) -> Sequence[str]:
        """Keys in the order in which the epoch shows them over all ranks, repeats included."""
        ...


@runtime_checkable
class GradedByModel(Protocol):
    """A data module whose difficulties a model may measure anew before each epoch."""

    def graded_order(self, epoch: int) -> Sequence[tuple[str, float]]:
        """Key and difficulty of every sample as measured for ``epoch``; empty where nothing was."""
        ...


class CurriculumRecorder(Callback):
    """Appends to ``curriculum.jsonl`` what each epoch may draw from and what it shows in which order.

    A resumed epoch is written again and replaces the earlier line for readers
    (:func:`read_curriculum`). Without a curriculum nothing is written.

    Args:
        folder: Folder of the run; the trainer's unless given.
    """

    FILE = "curriculum.jsonl"

    def __init__(self, folder: str | Path | None = None) -> None:
        super().__init__()
        self.folder = None if folder is None else Path(folder)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder; asking the trainer for it is collective."""
        self.folder = self.folder or Path(trainer.log_dir or trainer.default_root_dir)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Write the line of this epoch with its first batch: by then a model has measured what it needs."""
        data: object = getattr(trainer, "datamodule", None)
        folder = self.folder
        if batch_idx or folder is None or not trainer.is_global_zero:
            return
        if not isinstance(data, OrdersByCurriculum):
            return
        epoch = trainer.current_epoch
        order = data.curriculum_order(epoch)
        if not order:
            return
        folder.mkdir(parents=True, exist_ok=True)
        line: dict[str, object] = {
            "epoch": epoch,
            "step": trainer.global_step,
            "open": [[key, float(hard)] for key, hard in order],
            "shown": list(data.shown_keys(epoch)),
        }
        graded = data.graded_order(epoch) if isinstance(data, GradedByModel) else ()
        if graded:
            # Also of what was not drawn: in the next epoch it is another number.
            line["graded"] = [[key, float(hard)] for key, hard in graded]
        # The line end comes first too: a line that a power cut tore must not swallow this one.
        append_text(folder / self.FILE, "\n" + json.dumps(line, allow_nan=False) + "\n")


def read_curriculum(folder: str | Path) -> dict[int, list[tuple[str, float]]]:
    """Key and difficulty of the open samples by epoch; empty where none was recorded.

    Args:
        folder: Folder of the run.
    """
    return {
        epoch: [(str(key), float(hard)) for key, hard in line["open"]]
        for epoch, line in _read_lines(folder).items()
    }


def read_shown(folder: str | Path) -> dict[int, list[str]]:
    """Keys by epoch in the order in which they were shown; empty where none was recorded.

    Args:
        folder: Folder of the run.
    """
    return {epoch: [str(key) for key in line["shown"]] for epoch, line in _read_lines(folder).items()}


def read_graded(folder: str | Path) -> dict[int, dict[str, float]]:
    """Difficulty of every sample by epoch, where the model measured it anew; empty where it did not.

    Args:
        folder: Folder of the run.
    """
    return {
        epoch: {str(key): float(hard) for key, hard in line["graded"]}
        for epoch, line in _read_lines(folder).items()
        if "graded" in line
    }


class _Line(TypedDict):
    epoch: int
    step: int
    open: list[tuple[str, float]]
    shown: list[str]
    graded: NotRequired[list[tuple[str, float]]]


def _read_lines(folder: str | Path) -> dict[int, _Line]:
    path = Path(folder) / CurriculumRecorder.FILE
    if not path.is_file():
        return {}
    epochs: dict[int, _Line] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line: _Line = json.loads(text)
        except json.JSONDecodeError:
            # Empty, or torn by a power cut: then the resumed run wrote that epoch again.
            continue
        epochs[int(line["epoch"])] = line
    return dict(sorted(epochs.items()))
