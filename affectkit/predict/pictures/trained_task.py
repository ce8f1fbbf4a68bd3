"""From a run folder or a checkpoint to a task that was trained on pictures, and how it saw them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from affectkit.data.loader import PictureView
from affectkit.predict.error import PredictError
from affectkit.predict.loaded_task import find_checkpoint, load_task, read_record
from affectkit.predict.run_data import read_run_data
from affectkit.tasks import AffectTask

__all__ = ("TrainedTask", "find_checkpoint", "kept_picture_view", "load_trained")


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
    view = kept_picture_view(path)
    loaded = load_task(path, task=task, **changes)
    return TrainedTask(loaded.task, view, path, loaded.digest)


def kept_picture_view(checkpoint: Path, *, source: str | None = None) -> PictureView:
    """How evaluation showed a picture to the task of a checkpoint.

    Args:
        checkpoint: The file, or a folder that ``save_pretrained`` wrote.
        source: Of a run that was evaluated on sources that read differently, the one whose view it is.

    Raises:
        PredictError: If it is no checkpoint of affectkit, or its task was not trained on pictures.
    """
    record = read_record(checkpoint)
    data = None if source is None else read_run_data(checkpoint, source=source)
    if data is not None and data.module == "ImageDataModule":
        return PictureView.from_plain(data.options)
    if record.pictures is None:
        name = record.task.rpartition(".")[2]
        raise PredictError(
            f"The checkpoint {checkpoint} of {name or 'a task'} was not trained on pictures, so it cannot "
            "predict them: name a model that was trained with ImageDataModule."
        )
    return record.pictures
