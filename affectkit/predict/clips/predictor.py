"""A trained task over clips as they lie about: videos, parts of them, frames, samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.loader import ItemTarget
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.batch_predictor import BatchPredictor
from affectkit.predict.clips.clip_item import clip_item, find_clips
from affectkit.predict.clips.clip_view import ClipView
from affectkit.predict.clips.part_reader import PartReader
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.tasks import AffectTask


class ClipPredictor(BatchPredictor[Any]):
    """Predicts for clips as the evaluation of the training would.

    A clip in shards and the same clip in a file give the same logits, bit for bit, for the same
    ``batch_size`` on the same device.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a clip is shown.
        batch_size: Clips that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task sees nothing.

    Examples:
        >>> import numpy as np
        >>> from affectkit.tasks import PromptTuningTask
        >>> task = PromptTuningTask("meld7.official", frames=2)
        >>> predictor = ClipPredictor(task, ClipView(2, 32, normalization=None), batch_size=1)
        >>> (row,) = predictor.predict([np.zeros((5, 40, 60, 3), dtype=np.uint8)])
        >>> row.path, row.region, len(row.probabilities)
        ('array', 'whole frame', 7)
    """

    #: What is predicted, for messages.
    things = "clips"

    def __init__(
        self,
        task: AffectTask,
        view: ClipView,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        if not set(view.inputs) & set(task.encoders):
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and clips give "
                f"{', '.join(view.inputs)}: use a task that was trained on clips."
            )
        super().__init__(
            TaskAnswers(task),
            decode=PartReader(view),
            collate=view.collate(ItemTarget(label_table=None)),
            normalization=view.normalization,
            batch_size=batch_size,
            device=device,
            identity=identity,
        )
        self.task = task
        self.view = view

    @classmethod
    def from_checkpoint(
        cls,
        model: str | os.PathLike[str],
        *,
        view: ClipView | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: object,
    ) -> Self:
        """Load a task with the view of clips that its checkpoint keeps.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            view: How a clip is shown; None takes what the checkpoint keeps.
            batch_size: Clips that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or not one of a task that sees clips.
        """
        path = find_checkpoint(model)
        seen = ClipView.of_run(read_run_data(path)) if view is None else view
        loaded = load_task(path, task=task, **changes)
        return cls(loaded.task, seen, batch_size=batch_size, device=device, identity=loaded.digest)

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Clips by their places, see :func:`find_clips`."""
        return find_clips(paths, split=split, every=every, shows_boxes=bool(self.view.streams))

    def predict(
        self, clips: Iterable[str | os.PathLike[str] | NDArray[np.uint8] | Tensor | PredictItem]
    ) -> Iterator[Prediction]:
        """Predict for each clip in turn; one that cannot be read gets a row with its error.

        Args:
            clips: Videos or folders of frames, uint8 pixels (T, H, W, 3), or what :meth:`find` found.

        Raises:
            PredictError: If an array is no clip.
        """
        return self.rows(map(clip_item, clips))

    def described(self, model: str) -> str:
        """What is shown to which model, in a line or two."""
        view = self.view
        size = "as they are" if view.size is None else f"brought to {view.size} x {view.size} pixels"
        text = (
            f"clips, {view.segments} whole frames of each, {size}, as in the evaluation of {model} "
            f"({self.identity})"
        )
        if not view.streams:
            return text
        names = " and ".join(view.inputs)
        return (
            f"{text}\nThe model was trained on {names}: of a file, which has no boxes, each is the whole "
            "frame. Give crops where the training saw crops."
        )
