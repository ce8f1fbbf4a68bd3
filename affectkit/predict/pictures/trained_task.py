"""From a run folder or a checkpoint to a task that was trained on pictures, and how it saw them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from affectkit.data.loader import PictureView
from affectkit.predict.error import PredictError
from affectkit.predict.loaded_task import find_checkpoint, load_task, read_record
from affectkit.tasks import AffectTask

__all__ = ("TrainedTask", "find_checkpoint", "load_trained")


class TrainedTask(NamedTuple):
    """A task with what its checkpoint says of the pictures that it saw.

    Attributes:
        task: The task, with its weights.
        view: How evaluation showed a picture.
        checkpoint: The file.
        digest: First twelve digits of the file's SHA-256.
    """

    task: AffectTask
    view: PictureView
    checkpoint: Path
    digest: str


def load_trained(
    model: str | os.PathLike[str], *, task: type[AffectTask] | None = None, **changes: object
) -> TrainedTask:
    """Build the task of a checkpoint; no class outside affectkit is imported unless it is given.

    Args:
        model: Run folder or checkpoint, see :func:`find_checkpoint`.
        task: Class of the task, where it is one of your own.
        changes: Constructor arguments of the task: parts that it had been given, or values to
            change, e.g. ``base_weights``.

    Raises:
        PredictError: If the file is no checkpoint of affectkit, its task is of your own and not
            given, or it was not trained on pictures.
    """
    path = find_checkpoint(model)
    record = read_record(path)
    if record.pictures is None:
        name = record.task.rpartition(".")[2]
        raise PredictError(
            f"The checkpoint {path} of {name or 'a task'} was not trained on pictures, so it cannot predict "
            "them: name a model that was trained with ImageDataModule."
        )
    loaded = load_task(path, task=task, **changes)
    return TrainedTask(loaded.task, record.pictures, path, loaded.digest)
