"""What affectkit adds to a Lightning checkpoint, and the errors it prevents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from affectkit.data.loader import DataReading, PictureView
from affectkit.labels import LabelSpace, LabelSpaceMismatchError

KEY = "affectkit"


class MissingPartError(TypeError):
    """A checkpoint was made by a task that was given ready parts, and they were not given again."""


@dataclass(frozen=True)
class CheckpointRecord:
    """Plain facts about the task that wrote a checkpoint.

    Args:
        version: Version of affectkit that wrote it.
        injected: Constructor arguments that were ready-made parts, not plain values.
        label_space: Name and order of the labels, or None.
        epoch_loss: Sum and weight of the training loss so far in an unfinished epoch.
        task: Module and name of the task's class; "" in older checkpoints.
        pictures: How evaluation showed pictures to the task, or None where it was shown none.
        reading: How evaluation read other data; None in older checkpoints, and where raw files cannot be
            read that way.
    """

    version: str
    injected: tuple[str, ...] = ()
    label_space: LabelSpace | None = None
    epoch_loss: tuple[float, float] = (0.0, 0.0)
    task: str = ""
    pictures: PictureView | None = None
    reading: DataReading | None = None

    def to_plain(self) -> dict[str, object]:
        """Values that load with ``weights_only=True``."""
        space = self.label_space
        return {
            "version": self.version,
            "injected": list(self.injected),
            "label_space": None
            if space is None
            else {"name": space.name, "labels": list(space.labels), "kind": space.kind},
            "epoch_loss": list(self.epoch_loss),
            "task": self.task,
            "pictures": None if self.pictures is None else self.pictures.to_plain(),
            "reading": None if self.reading is None else self.reading.to_plain(),
        }

    @classmethod
    def of(cls, checkpoint: Mapping[str, object]) -> CheckpointRecord | None:
        """Read the record out of a loaded checkpoint; None where another library wrote it."""
        stored = checkpoint.get(KEY)
        if not isinstance(stored, Mapping):
            return None
        space = stored.get("label_space")
        loss = stored.get("epoch_loss", (0.0, 0.0))
        pictures, reading = stored.get("pictures"), stored.get("reading")
        return cls(
            version=str(stored.get("version")),
            injected=tuple(str(name) for name in stored.get("injected", ())),
            label_space=None if space is None else LabelSpace.from_dict(space),
            epoch_loss=(float(loss[0]), float(loss[1])),
            task=str(stored.get("task", "")),
            pictures=PictureView.from_plain(pictures) if isinstance(pictures, Mapping) else None,
            reading=DataReading.from_plain(reading) if isinstance(reading, Mapping) else None,
        )

    @classmethod
    def peek(cls, path: str | Path) -> CheckpointRecord | None:
        """Read the record out of a file; the weights stay on the disk."""
        return cls.of(torch.load(path, map_location="cpu", weights_only=True, mmap=True))

    def check_parts(self, given: Iterable[str], *, task: str) -> None:
        """Refuse to continue without a part that the checkpoint's task had been given.

        Raises:
            MissingPartError: If one is missing; the message shows the call that gives it.
        """
        missing = sorted(set(self.injected) - set(given))
        if missing:
            call = ", ".join(f"{name}=..." for name in missing)
            raise MissingPartError(
                f"The checkpoint's task was given ready parts ({', '.join(self.injected)}), and "
                f"{', '.join(missing)} is missing here: give it again, "
                f"`{task}.load_from_checkpoint(path, {call})` or `{task}(..., {call})` before resuming."
            )

    def check_labels(self, space: LabelSpace | None) -> None:
        """Refuse weights whose outputs stand in another order than this task's labels.

        Raises:
            LabelSpaceMismatchError: If the orders differ; both are printed.
        """
        stored = self.label_space
        if stored is None or space is None or stored.same_order(space):
            return
        raise LabelSpaceMismatchError(
            "The checkpoint and the task put their labels in different orders. "
            f"Checkpoint, {stored.name!r}: {stored.order()}. Task, {space.name!r}: {space.order()}. "
            f"Build the task with the label space {stored.name!r}; map its predictions afterwards by name."
        )
