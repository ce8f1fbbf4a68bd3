"""A trained task over texts as they lie about: lines, subtitles, strings, samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Self

import torch

from affectkit.data.loader import ItemTarget
from affectkit.data.loader.text_batch import INPUT, TextCollate, TextReader
from affectkit.data.schema import ItemRecord
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.batch_predictor import BatchPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.predict.texts.text_item import find_texts, text_item
from affectkit.predict.texts.text_view import TextView
from affectkit.tasks import AffectTask


class TextPredictor(BatchPredictor[ItemRecord]):
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

    def __init__(
        self,
        task: AffectTask,
        view: TextView,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        if INPUT not in task.encoders:
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and texts give {INPUT}: use a task "
                "that was trained on texts."
            )
        super().__init__(
            TaskAnswers(task),
            decode=TextReader(),
            collate=TextCollate(ItemTarget(label_table=None), view.load()),
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
        view: TextView | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: object,
    ) -> Self:
        """Load a task with the tokenizer that its checkpoint keeps.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            view: How a text becomes token ids; None takes what the checkpoint keeps.
            batch_size: Texts that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or not one of a task that reads texts.
        """
        path = find_checkpoint(model)
        read = TextView.of_run(read_run_data(path)) if view is None else view
        loaded = load_task(path, task=task, **changes)
        return cls(loaded.task, read, batch_size=batch_size, device=device, identity=loaded.digest)

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
