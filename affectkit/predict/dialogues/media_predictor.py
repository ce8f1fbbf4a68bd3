"""A trained task over dialogues whose turns are recordings, faces and texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectkit.data.decode import DecodeError
from affectkit.data.loader.conversation_media import ConversationMediaSample
from affectkit.predict.dialogues.media_view import MediaView
from affectkit.predict.dialogues.talk_predictor import TalkPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.run_data import read_run_data
from affectkit.predict.task_predictor import Reading, TaskPredictor
from affectkit.tasks import AffectTask


class ConversationMediaPredictor(
    TalkPredictor[ConversationMediaSample], TaskPredictor[ConversationMediaSample, MediaView]
):
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

    @classmethod
    def reading(cls, task: AffectTask, view: MediaView) -> Reading[ConversationMediaSample]:
        """How dialogues are read for a task."""
        unseen = sorted(set(task.encoders) - set(view.media))
        if unseen:
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(unseen)}, and its dialogues are shown as "
                f"{', '.join(view.media)}: give the view of its training."
            )
        return Reading(_MediaTalkReader(view), view.collate())

    @classmethod
    def kept_view(cls, checkpoint: Path, *, source: str | None = None) -> MediaView:
        """How the evaluation of a run showed a dialogue."""
        return MediaView.of_run(read_run_data(checkpoint, source=source))

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
