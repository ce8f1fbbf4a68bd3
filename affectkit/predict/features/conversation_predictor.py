"""A conversation task that was trained on stored features of texts, over raw dialogues."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, Self

import torch

from affectkit.data.collate import ConversationCollate, ConversationSample
from affectkit.data.loader import ConversationReader
from affectkit.data.schema import ShardError
from affectkit.data.store.utterance_view import TURN
from affectkit.encoders import FeatureExtractor
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.batch_predictor import BatchPredictor, unanswered
from affectkit.predict.dialogues.dialogue_item import dialogue_items, find_dialogues
from affectkit.predict.error import PredictError
from affectkit.predict.features.text_features import TextFeatures, check_inputs
from affectkit.predict.item import PredictItem
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.tasks import AffectTask


class ConversationPredictor(BatchPredictor[ConversationSample]):
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

    #: What is predicted, for messages.
    things = "turns"

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
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: object,
    ) -> Self:
        """Load a task, and the encoder whose features it was trained on.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            encoder: What ``affectkit extract --text`` was given, or the encoder; None tries ``"tiny"``.
            batch_size: Dialogues that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or the encoder is another one.
        """
        path = find_checkpoint(model)
        features = TextFeatures.of_run(read_run_data(path), encoder)
        loaded = load_task(path, task=task, **changes)
        return cls(loaded.task, features, batch_size=batch_size, device=device, identity=loaded.digest)

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Turns by the places of their dialogues, see :func:`find_dialogues`."""
        if every is not None:
            raise PredictError("Turns are as long as they are written: leave --every out.")
        return find_dialogues(paths, split=split)

    def predict(self, dialogues: Iterable[Iterable[tuple[str, str]]]) -> Iterator[Prediction]:
        """Predict for each turn of each dialogue.

        Args:
            dialogues: Each a sequence of (speaker, text).
        """
        return self.rows(item for turns in dialogues for item in dialogue_items(turns))

    def rows(self, items: Iterable[PredictItem]) -> Iterator[Prediction]:
        """Predict for each turn; the turns of a dialogue that follow each other go through it once.

        Args:
            items: The turns; they are asked for as they are needed.
        """
        position = 0
        talks = _talks(items)
        while some := list(islice(talks, self.batch_size)):
            chunk = self._read([(place, talk[0].item) for place, talk in enumerate(some)])
            found = None if chunk.batch is None else self.model(chunk.batch.to(self.device))
            done = 0
            for place, talk in enumerate(some):
                error, data = chunk.errors.get(place), chunk.digests.get(place, "")
                for turn in talk:
                    bare = unanswered(turn.item, position, error=error, data=data)
                    position += 1
                    if error is not None or found is None:
                        yield bare
                        continue
                    yield self._answered(
                        bare,
                        None if found.logits is None else found.logits[done, turn.number],
                        None if found.dims is None else found.dims[done, turn.number],
                    )
                done += error is None

    def described(self, model: str) -> str:
        """What is read by which model, in a line."""
        return (
            f"dialogues, their turns as features of {self.features.encoder.identity}, as in the evaluation "
            f"of {model} ({self.identity})"
        )


class _Turn(NamedTuple):
    item: PredictItem
    number: int


class _TalkReader:
    """Reads a dialogue and encodes its texts in one call."""

    def __init__(self, features: TextFeatures) -> None:
        self._features = features

    def __call__(self, members: Mapping[str, memoryview]) -> ConversationSample:
        record = ConversationReader.record(members)
        with torch.inference_mode():
            rows = self._features.rows([turn["text"] for turn in record["utterances"]])
        return ConversationSample(record, {self._features.name: rows})


def _talks(items: Iterable[PredictItem]) -> Iterator[list[_Turn]]:
    """Turns that follow each other in one dialogue; what cannot be read stands alone."""
    talk: list[_Turn] = []
    last: bytes | None = None
    for item in items:
        try:
            members = item.read()
            record, number = bytes(members["json"]), int(bytes(members[TURN]))
        except (ShardError, OSError):
            record, number = None, 0
        if talk and (record is None or record != last or number <= talk[-1].number):
            yield talk
            talk = []
        talk.append(_Turn(item, number))
        last = record
    if talk:
        yield talk
