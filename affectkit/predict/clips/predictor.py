"""A trained task over clips as they lie about: videos, parts of them, frames, samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.loader import ItemTarget
from affectkit.predict.clips.clip_item import clip_item, find_clips
from affectkit.predict.clips.clip_view import ClipView
from affectkit.predict.clips.part_reader import PartReader
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.predict.task_predictor import Reading, TaskPredictor
from affectkit.tasks import AffectTask


class ClipPredictor(TaskPredictor[Any, ClipView]):
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

    @classmethod
    def reading(cls, task: AffectTask, view: ClipView) -> Reading[Any]:
        """How clips are read for a task."""
        if not set(view.inputs) & set(task.encoders):
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and clips give "
                f"{', '.join(view.inputs)}: use a task that was trained on clips."
            )
        return Reading(PartReader(view), view.collate(ItemTarget(label_table=None)), view.normalization)

    @classmethod
    def kept_view(cls, checkpoint: Path, *, source: str | None = None) -> ClipView:
        """How the evaluation of a run showed a clip."""
        return ClipView.of_run(read_run_data(checkpoint, source=source))

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
