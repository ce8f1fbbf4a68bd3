"""A trained task over recordings as they lie about: files, arrays, samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from affectkit.data.loader import ItemTarget
from affectkit.data.loader.audio_batch import INPUT, AudioCollate, AudioSample
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.predict.sounds.sound_item import Sound, find_sounds, sound_item
from affectkit.predict.sounds.sound_reader import SoundReader
from affectkit.predict.sounds.sound_view import SoundView
from affectkit.predict.task_predictor import Reading, TaskPredictor
from affectkit.tasks import AffectTask


class SoundPredictor(TaskPredictor[AudioSample, SoundView]):
    """Predicts for recordings as the evaluation of the training would.

    A recording in shards and the same recording in a file give the same logits, bit for bit, in
    batches of the same recordings; in other company the filling up is of another length, which a task
    that heeds its masks answers alike up to rounding.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a recording is heard.
        batch_size: Recordings that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task hears nothing, or at another rate.

    Examples:
        >>> import numpy as np
        >>> from affectkit.tasks import AudioTask
        >>> task = AudioTask("emodb7.letters", num_mels=32, widths=[8, 16])
        >>> predictor = SoundPredictor(task, SoundView(16_000), batch_size=1)
        >>> (row,) = predictor.predict([Sound(np.zeros(16_000, dtype=np.float32), 16_000)])
        >>> row.path, row.region, len(row.probabilities)
        ('array', 'whole recording', 7)
    """

    #: What is predicted, for messages.
    things = "recordings"

    @classmethod
    def reading(cls, task: AffectTask, view: SoundView) -> Reading[AudioSample]:
        """How recordings are read for a task."""
        if INPUT not in task.encoders:
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and recordings give {INPUT}: use a "
                "task that was trained on recordings."
            )
        rate: object = getattr(task, "rate", view.rate)
        if rate != view.rate:
            raise PredictError(
                f"{type(task).__name__} hears {rate} samples per second, and the view gives {view.rate}: set "
                "its rate to that of the task."
            )
        return Reading(SoundReader(view), AudioCollate(ItemTarget(label_table=None)))

    @classmethod
    def kept_view(cls, checkpoint: Path, *, source: str | None = None) -> SoundView:
        """How the evaluation of a run heard a recording."""
        return SoundView.of_run(read_run_data(checkpoint, source=source))

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Recordings by their places, see :func:`find_sounds`."""
        return find_sounds(paths, split=split, every=every)

    def predict(self, sounds: Iterable[str | os.PathLike[str] | Sound | PredictItem]) -> Iterator[Prediction]:
        """Predict for each recording in turn; one that cannot be read gets a row with its error.

        Args:
            sounds: Paths, recordings in memory, or what :meth:`find` found.

        Raises:
            PredictError: If a recording in memory is none.
        """
        return self.rows(map(sound_item, sounds))

    def described(self, model: str) -> str:
        """What is heard by which model, in a line."""
        seconds = "whole" if self.view.max_seconds is None else f"their first {self.view.max_seconds:g} s"
        return (
            f"recordings, {seconds}, as one channel at {self.view.rate} Hz, as in the evaluation of {model} "
            f"({self.identity})"
        )
