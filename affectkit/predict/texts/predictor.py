"""A trained task over texts as they lie about: lines, subtitles, strings, samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from affectkit.data.loader import ItemTarget
from affectkit.data.loader.text_batch import INPUT, TextCollate, TextReader
from affectkit.data.schema import ItemRecord
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.predict.task_predictor import Reading, TaskPredictor
from affectkit.predict.texts.text_item import find_texts, text_item
from affectkit.predict.texts.text_view import TextView
from affectkit.tasks import AffectTask


class TextPredictor(TaskPredictor[ItemRecord, TextView]):
    """Predicts for single texts as the evaluation of the training would.

    A text in shards and the same text in a file give the same logits, bit for bit, in batches of the
    same texts; in other company the padding is of another length, which changes them by rounding.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a text becomes token ids.
        batch_size: Texts that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads no text.

    Examples:
        >>> from affectkit.tasks import DialogueTextTask
        >>> task = DialogueTextTask("meld7.official", "tiny")
        >>> (row,) = TextPredictor(task, TextView("tiny"), batch_size=1).predict(["What a day!"])
        >>> row.text, row.region, len(row.probabilities)
        ('What a day!', 'text alone', 7)
    """

    #: What is predicted, for messages.
    things = "texts"

    @classmethod
    def reading(cls, task: AffectTask, view: TextView) -> Reading[ItemRecord]:
        """How texts are read for a task."""
        if INPUT not in task.encoders:
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and texts give {INPUT}: use a task "
                "that was trained on texts."
            )
        return Reading(TextReader(), TextCollate(ItemTarget(label_table=None), view.load()))

    @classmethod
    def kept_view(cls, checkpoint: Path, *, source: str | None = None) -> TextView:
        """How the evaluation of a run made token ids of a text."""
        return TextView.of_run(read_run_data(checkpoint, source=source))

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Texts by their places, see :func:`find_texts`."""
        if every is not None:
            raise PredictError(
                f"Parts of {every:g} seconds were asked for, and {self.things} are as long as they are "
                "written: leave --every out."
            )
        return find_texts(paths, split=split)

    def predict(self, texts: Iterable[str | PredictItem]) -> Iterator[Prediction]:
        """Predict for each text in turn; one that cannot be read gets a row with its error.

        Args:
            texts: The texts themselves, or what :meth:`find` found in files.
        """
        return self.rows(map(text_item, texts))

    def described(self, model: str) -> str:
        """What is read by which model, in a line."""
        return f"texts, each alone, as in the evaluation of {model} ({self.identity})"
