"""A trained task over raw files, which are read as the evaluation of its training read samples."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar

import torch

from affectkit.data.collate import Collate
from affectkit.data.loader import Decode
from affectkit.encoders.clip.pixel_normalization import NormalizationName
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.batch_predictor import BatchPredictor, SampleT
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.tasks import AffectTask

ViewT = TypeVar("ViewT")


class Reading(NamedTuple, Generic[SampleT]):
    """From files to batches.

    Attributes:
        decode: Members to a sample.
        collate: Samples to a batch.
        normalization: What pixels are brought to on the device; None leaves the batch as it is.
    """

    decode: Decode[SampleT]
    collate: Collate[SampleT]
    normalization: NormalizationName | None = None


class TaskPredictor(BatchPredictor[SampleT], ABC, Generic[SampleT, ViewT]):
    """Runs files through a view, which is what a data module does to a sample, and through a task.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a file is shown to it.
        batch_size: Items that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task does not read what the view shows, or ``batch_size`` is below 1.
    """

    def __init__(
        self,
        task: AffectTask,
        view: ViewT,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        reading = self.reading(task, view)
        super().__init__(
            TaskAnswers(task),
            decode=reading.decode,
            collate=reading.collate,
            normalization=reading.normalization,
            batch_size=batch_size,
            device=device,
            identity=identity,
        )
        self.task = task
        self.view = view

    @classmethod
    @abstractmethod
    def reading(cls, task: AffectTask, view: ViewT) -> Reading[SampleT]:
        """How files are read for a task.

        Args:
            task: The task.
            view: How a file is shown to it.

        Raises:
            PredictError: If the task does not read what the view shows.
        """

    @classmethod
    @abstractmethod
    def kept_view(cls, checkpoint: Path, *, source: str | None = None) -> ViewT:
        """The view that a checkpoint keeps.

        Args:
            checkpoint: The file, or a folder that ``save_pretrained`` wrote.
            source: As for :meth:`from_checkpoint`.

        Raises:
            PredictError: If it keeps none of this kind.
        """

    @classmethod
    def from_checkpoint(
        cls,
        model: str | os.PathLike[str],
        *,
        view: ViewT | None = None,
        source: str | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: Any,
    ) -> Self:
        """Load a task with the view and the label space that its checkpoint keeps.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            view: How a file is shown; None takes what the checkpoint keeps.
            source: Of a task that was evaluated on sources that read differently, the one whose view it is.
            batch_size: Items that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change, e.g. ``base_weights``.

        Raises:
            PredictError: If there is no checkpoint, or not one of a task that reads such files.
        """
        path = find_checkpoint(model)
        shown = cls.kept_view(path, source=source) if view is None else view
        loaded = load_task(path, task=task, **changes)
        return cls(loaded.task, shown, batch_size=batch_size, device=device, identity=loaded.digest)
