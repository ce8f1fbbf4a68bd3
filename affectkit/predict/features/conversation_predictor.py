"""A conversation task that was trained on stored features of texts, over raw dialogues."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Self

import torch

from affectkit.data.collate import ConversationCollate, ConversationSample
from affectkit.data.loader import ConversationReader
from affectkit.encoders import FeatureExtractor
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.dialogues.talk_predictor import TalkPredictor
from affectkit.predict.features.text_features import TextFeatures, check_inputs
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.predict.run_data import read_run_data
from affectkit.tasks import AffectTask


class ConversationPredictor(TalkPredictor[ConversationSample]):
    """Predicts for the turns of raw dialogues by a conversation task on features of texts.

    A dialogue goes through the model once, and gives a row for each of its turns.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        features: The encoder of its training, which stays on the CPU.
        batch_size: Dialogues that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads more than features of texts.

    Examples:
        >>> from affectkit.encoders.tiny import TinyTextEncoder
        >>> from affectkit.tasks import ConversationTask
        >>> task = ConversationTask("meld7.official", {"text": 128}, hidden_dim=8)
        >>> predictor = ConversationPredictor(task, TextFeatures(TinyTextEncoder()), batch_size=1)
        >>> rows = predictor.predict([[("Ann", "I passed!"), ("Bob", "Great news.")]])
        >>> [(row.part, len(row.probabilities)) for row in rows]
        [('turn 0', 7), ('turn 1', 7)]
    """

    def __init__(
        self,
        task: AffectTask,
        features: TextFeatures,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        check_inputs(list(task.encoders), features, task=type(task).__name__)
        super().__init__(
            TaskAnswers(task),
            decode=_TalkReader(features),
            collate=ConversationCollate(features.dims, label_table=None),
            batch_size=batch_size,
            device=device,
            identity=identity,
        )
        self.task = task
        self.features = features

    @classmethod
    def from_checkpoint(
        cls,
        model: str | os.PathLike[str],
        *,
        encoder: str | FeatureExtractor | None = None,
        source: str | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: object,
    ) -> Self:
        """Load a task, and the encoder whose features it was trained on.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            encoder: What ``affectkit extract --text`` was given, or the encoder; None tries ``"tiny"``.
            source: Of a task that was evaluated on sources that read differently, the one that is meant.
            batch_size: Dialogues that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or the encoder is another one.
        """
        path = find_checkpoint(model)
        features = TextFeatures.of_run(read_run_data(path, source=source), encoder)
        loaded = load_task(path, task=task, **changes)
        return cls(loaded.task, features, batch_size=batch_size, device=device, identity=loaded.digest)

    def described(self, model: str) -> str:
        """What is read by which model, in a line."""
        return (
            f"dialogues, their turns as features of {self.features.encoder.identity}, as in the evaluation "
            f"of {model} ({self.identity})"
        )


class _TalkReader:
    """Reads a dialogue and encodes its texts in one call."""

    def __init__(self, features: TextFeatures) -> None:
        self._features = features

    def __call__(self, members: Mapping[str, memoryview]) -> ConversationSample:
        record = ConversationReader.record(members)
        with torch.inference_mode():
            rows = self._features.rows([turn["text"] for turn in record["utterances"]])
        return ConversationSample(record, {self._features.name: rows})
