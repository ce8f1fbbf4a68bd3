"""A trained task over dialogues as they lie about: scripts, subtitles, lists, samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self, cast

import torch

from affectkit.conversation.prompts import ChatTokenizer, ConversationPrompter
from affectkit.data.collate import Collate
from affectkit.data.loader import Decode, ItemTarget
from affectkit.data.loader.dialogue_text import INPUT, DialogueTextCollate, DialogueTurnReader
from affectkit.data.loader.prompt_batch import PromptCollate, PromptReader
from affectkit.encoders import FeatureExtractor
from affectkit.predict.dialogues.dialogue_item import dialogue_items, find_dialogues
from affectkit.predict.dialogues.dialogue_view import DialogueView
from affectkit.predict.dialogues.prompt_view import PromptView
from affectkit.predict.dialogues.shown_demonstrations import ShownDemonstrations
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.loaded_task import find_checkpoint, read_record
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.predict.task_predictor import Reading, TaskPredictor
from affectkit.tasks import AffectTask, ConversationLLMTask


class DialoguePredictor(TaskPredictor[Any, DialogueView | PromptView]):
    """Predicts for the turns of dialogues as the evaluation of the training would.

    A dialogue in shards and the same dialogue in a file give the same logits, bit for bit, in batches
    of the same turns; in other company the padding is of another length, which changes them by rounding.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a turn is shown with its dialogue, or how a language model is asked about it.
        batch_size: Turns that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads no words.

    Examples:
        >>> from affectkit.tasks import DialogueTextTask
        >>> task = DialogueTextTask("meld7.official", "tiny")
        >>> predictor = DialoguePredictor(task, DialogueView("tiny", budget=32), batch_size=2)
        >>> rows = predictor.predict([[("Ann", "I passed!"), ("Bob", "Great news.")]])
        >>> [(row.part, row.text) for row in rows]
        [('turn 0', 'I passed!'), ('turn 1', 'Great news.')]
    """

    #: What is predicted, for messages.
    things = "turns"

    @classmethod
    def reading(cls, task: AffectTask, view: DialogueView | PromptView) -> Reading[Any]:
        """How turns are read for a task."""
        asks = isinstance(task, ConversationLLMTask)
        if not asks and INPUT not in task.encoders:
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and dialogues give {INPUT}: use a "
                "task that was trained on their words."
            )
        if asks is not isinstance(view, PromptView):
            wanted = "PromptView" if asks else "DialogueView"
            raise PredictError(
                f"{type(task).__name__} got a {type(view).__name__}: give it a {wanted}, as in its training."
            )
        return _prompts(task, view) if isinstance(view, PromptView) else _windows(view)

    @classmethod
    def kept_view(
        cls,
        checkpoint: Path,
        *,
        source: str | None = None,
        encoder: str | FeatureExtractor | None = None,
        demonstrations: str | os.PathLike[str] | None = None,
    ) -> DialogueView | PromptView:
        """How the evaluation of a run showed a turn, or asked about it; see :meth:`from_checkpoint`."""
        data = read_run_data(checkpoint, source=source)
        space = read_record(checkpoint).label_space
        shown = ShownDemonstrations.of_run(data, space, encoder=encoder, place=demonstrations)
        asks = data.module == "ConversationPromptDataModule"
        return PromptView.of_run(data, demonstrations=shown) if asks else DialogueView.of_run(data)

    @classmethod
    def from_checkpoint(
        cls,
        model: str | os.PathLike[str],
        *,
        view: DialogueView | PromptView | None = None,
        source: str | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        encoder: str | FeatureExtractor | None = None,
        demonstrations: str | os.PathLike[str] | None = None,
        **changes: Any,
    ) -> Self:
        """Load a task with the view of dialogues that its checkpoint keeps.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            view: How a turn is shown; None takes what the checkpoint keeps.
            source: Of a task that was evaluated on sources that read differently, the one whose view it is.
            batch_size: Turns that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            encoder: Of prompts that show labelled utterances, what ``affectkit extract --text`` was given.
            demonstrations: Where these lie, a saved index or shards; None takes the place of the training.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or not one of a task that reads dialogues.
        """
        path = find_checkpoint(model)
        if view is None:
            view = cls.kept_view(path, source=source, encoder=encoder, demonstrations=demonstrations)
        return super().from_checkpoint(
            path, view=view, batch_size=batch_size, device=device, task=task, **changes
        )

    @property
    def manner(self) -> str:
        """How probabilities are made of the model's logits, and which labelled utterances it was shown."""
        shown = self.view.demonstrations if isinstance(self.view, PromptView) else None
        return super().manner if shown is None else f"{super().manner}, prompts show {shown.name}"

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Turns by the places of their dialogues, see :func:`find_dialogues`."""
        if every is not None:
            raise PredictError(
                f"Parts of {every:g} seconds were asked for, and {self.things} are as long as they are "
                "written: leave --every out."
            )
        return find_dialogues(paths, split=split)

    def predict(self, dialogues: Iterable[Iterable[tuple[str, str]]]) -> Iterator[Prediction]:
        """Predict for each turn of each dialogue.

        Args:
            dialogues: Each a sequence of (speaker, text).
        """
        return self.rows(item for turns in dialogues for item in dialogue_items(turns))

    def described(self, model: str) -> str:
        """What is read by which model, in a line."""
        return f"dialogues, {self.view.described()}, as in the evaluation of {model} ({self.identity})"


def _windows(view: DialogueView) -> Reading[Any]:
    return Reading(DialogueTurnReader(), DialogueTextCollate(ItemTarget(label_table=None), view.load()))


def _prompts(task: AffectTask, view: PromptView) -> Reading[Any]:
    if task.label_space is None:
        raise PredictError(
            f"{type(task).__name__} has no labels to choose from: train it with a label space."
        )
    try:
        tokenizer = ChatTokenizer(view.tokenizer)
    except FileNotFoundError as error:
        raise PredictError(
            f"The tokenizer {view.tokenizer!r} of the training is not there: run the command where its "
            "folder lies, or give the view in Python."
        ) from error
    prompter = ConversationPrompter(
        list(view.label_words or task.label_space),
        template=view.template,
        context=view.context,
        window=view.context_window,
    )
    shown = view.demonstrations
    collate = PromptCollate(
        prompter,
        tokenizer,
        target=ItemTarget(label_table=None),
        max_tokens=view.max_tokens,
        data="dialogue",
        index=None if shown is None else shown.index,
        demonstrations=0 if shown is None else shown.count,
    )
    decode: Decode[Any] = PromptReader(None) if shown is None else shown.reader()
    return Reading(decode, cast("Collate[Any]", collate))
