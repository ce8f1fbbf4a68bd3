"""Dialogues that go through a model once, and give a row for each of their turns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from affectkit.data.schema import ShardError
from affectkit.data.store.utterance_view import TURN
from affectkit.predict.batch_predictor import BatchPredictor, SampleT, unanswered
from affectkit.predict.dialogues.dialogue_item import dialogue_items, find_dialogues
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.prediction import Prediction


class TalkPredictor(BatchPredictor[SampleT]):
    """Predicts for the turns of dialogues by a model of whole dialogues, logits (B, U, C).

    What cannot be read of a dialogue is lost for all of its turns, since each is part of what is predicted
    for the others.
    """

    #: What is predicted, for messages.
    things = "turns"
    #: Whether the recordings and pictures that turns of a file name are read along.
    media = False

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
        return find_dialogues(paths, split=split, media=self.media)

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


class _Turn(NamedTuple):
    item: PredictItem
    number: int


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
