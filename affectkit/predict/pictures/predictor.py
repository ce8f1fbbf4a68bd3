"""A trained task over pictures as they lie about: files, arrays, samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.loader import ItemTarget, PictureSample, PictureView
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.pictures.picture_item import find_pictures, picture_item
from affectkit.predict.pictures.trained_task import kept_picture_view
from affectkit.predict.prediction import Prediction
from affectkit.predict.task_predictor import Reading, TaskPredictor
from affectkit.tasks import AffectTask


class PicturePredictor(TaskPredictor[PictureSample, PictureView]):
    r"""Predicts for pictures as the evaluation of the training would.

    Pictures go through the reader, the collation and the normalisation of the data module that the
    task was trained with, so that a picture in shards and the same picture in a file give the same
    logits, bit for bit, for the same ``batch_size`` on the same device. The last batch is filled up
    as that of an evaluation is: what is predicted for a picture does not depend on how many follow.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a picture is shown to it, e.g. ``ImageDataModule(...).picture_view``.
        batch_size: Pictures that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads no input that pictures give.

    Examples:
        >>> import numpy as np
        >>> from affectkit.tasks import PromptTuningTask
        >>> predictor = PicturePredictor(PromptTuningTask("meld7.official"), PictureView(32), batch_size=1)
        >>> (row,) = predictor.predict([np.zeros((40, 60, 3), dtype=np.uint8)])
        >>> row.path, row.region, list(row.probabilities)[:2]
        ('array', 'whole frame', ['neutral', 'surprise'])
    """

    #: What is predicted, for messages.
    things = "pictures"
    #: Decoding and resizing are done outside the interpreter's lock, so that two go on at once.
    readers = 2

    @classmethod
    def reading(cls, task: AffectTask, view: PictureView) -> Reading[PictureSample]:
        """How pictures are read for a task."""
        if not set(view.inputs) & set(task.encoders):
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and pictures give "
                f"{', '.join(view.inputs)}: use a task that was trained on pictures."
            )
        return Reading(view.decoder(), view.collate(ItemTarget(label_table=None)), view.normalization)

    @classmethod
    def kept_view(cls, checkpoint: Path, *, source: str | None = None) -> PictureView:
        """How the evaluation of a run showed a picture."""
        return kept_picture_view(checkpoint, source=source)

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Pictures by their places, see :func:`find_pictures`."""
        return find_pictures(paths, split=split, every=every, shows_boxes=bool(self.view.streams))

    def predict(
        self, pictures: Iterable[str | os.PathLike[str] | NDArray[np.uint8] | Tensor | PredictItem]
    ) -> Iterator[Prediction]:
        """Predict for each picture in turn; one that cannot be read gets a row with its error.

        While one batch runs through the model, the next one is read.

        Args:
            pictures: Paths, uint8 pixels of shape (H, W, 3), or what :meth:`find` found.

        Raises:
            PredictError: If an array is no picture.
        """
        return self.rows(map(picture_item, pictures))

    def described(self, model: str) -> str:
        """What is shown to which model, in a line or two."""
        view = self.view
        size = "as they are" if view.size is None else f"brought to {view.size} x {view.size} pixels"
        text = f"whole frames, {size}, as in the evaluation of {model} ({self.identity})"
        if not view.streams:
            return text
        names = " and ".join(view.inputs)
        return (
            f"{text}\nThe model was trained on {names}: of a file, which has no boxes, each is the whole "
            "frame. Give crops where the training saw crops."
        )
