"""A trained task over dialogues whose turns are recordings, faces and texts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Self

import torch

from affectkit.data.decode import DecodeError
from affectkit.data.loader.conversation_media import ConversationMediaSample
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.dialogues.media_view import MediaView
from affectkit.predict.dialogues.talk_predictor import TalkPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.predict.run_data import read_run_data
from affectkit.tasks import AffectTask


class ConversationMediaPredictor(TalkPredictor[ConversationMediaSample]):
    """Predicts for the turns of dialogues from their voices, faces and texts, as the training's evaluation.

    A dialogue lies in shards, or in a ``.jsonl`` whose turns name their files: ``voice``, ``face`` (one, or a
    list of several) and ``scene``, from the folder of the ``.jsonl``. A turn may lack any of them.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a dialogue is shown.
        batch_size: Dialogues that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads what the view does not show.
    """

    media = True

    def __init__(
        self,
        task: AffectTask,
        view: MediaView,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        unseen = sorted(set(task.encoders) - set(view.media))
        if unseen:
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(unseen)}, and its dialogues are shown as "
                f"{', '.join(view.media)}: give the view of its training."
            )
        super().__init__(
            TaskAnswers(task),
            decode=_MediaTalkReader(view),
            collate=view.collate(),
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
        view: MediaView | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: object,
    ) -> Self:
        """Load a task with the view of dialogues that its checkpoint keeps.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            view: How a dialogue is shown; None takes what the checkpoint keeps.
            batch_size: Dialogues that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or the training read more than files hold.
        """
        path = find_checkpoint(model)
        shown = MediaView.of_run(read_run_data(path)) if view is None else view
        loaded = load_task(path, task=task, **changes)
        return cls(loaded.task, shown, batch_size=batch_size, device=device, identity=loaded.digest)

    def described(self, model: str) -> str:
        """What is read by which model, in a line."""
        return f"dialogues, {self.view.described()}, as in the evaluation of {model} ({self.identity})"


class _MediaTalkReader:
    """Reads a dialogue, and refuses one in which nothing is that the model reads."""

    def __init__(self, view: MediaView) -> None:
        self._read = view.reader()
        self._view = view

    def __call__(self, members: Mapping[str, memoryview]) -> ConversationMediaSample:
        sample = self._read(members)
        said = (turn["text"].strip() for turn in sample.conversation.record["utterances"])
        heard = any(map(len, sample.voices))
        seen = any(sample.faces) or any(scene is not None for scene in sample.scenes)
        if not (heard or seen or ("text" in self._view.media and any(said))):
            raise DecodeError(
                f"The dialogue has nothing of {', '.join(self._view.media)}, which the model reads: name the "
                'files of its turns in a .jsonl, e.g. "voice": "3.wav".'
            )
        return sample
