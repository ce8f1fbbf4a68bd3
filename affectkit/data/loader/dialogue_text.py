"""Utterances with their dialogue around them to a batch of token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.conversation_reader import ConversationReader
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError
from affectkit.data.store.utterance_view import TURN
from affectkit.encoders import DialogueWindowText

INPUT: Final = "text"
CURRENT: Final = "current"


class DialogueTurn(NamedTuple):
    """A conversation, and which of its utterances is meant."""

    record: ConversationRecord
    turn: int

    @property
    def names(self) -> list[str]:
        """Who says each utterance."""
        speakers = self.record["speakers"]
        return [speakers[utterance["speaker"]] for utterance in self.record["utterances"]]

    @property
    def texts(self) -> list[str]:
        """What is said."""
        return [utterance["text"] for utterance in self.record["utterances"]]

    @property
    def item(self) -> ItemRecord:
        """The annotations of the utterance, as those of a single item."""
        said = self.record["utterances"][self.turn]
        item: ItemRecord = {"id": said["id"], "label": said["label"]}
        if "dims" in said:
            item["dims"] = said["dims"]
        if "extra" in said:
            item["extra"] = dict(said["extra"])
        return item


class DialogueTurnReader:
    """Reads the record of a conversation, and the number of the utterance.

    Raises:
        ShardError: If the record is missing or damaged.
    """

    def __call__(self, members: Mapping[str, memoryview]) -> DialogueTurn:
        """Read ``members``."""
        turn = int(bytes(members[TURN])) if TURN in members else 0
        record = ConversationReader.record(members)
        speakers = len(record["speakers"])
        if any(not 0 <= utterance["speaker"] < speakers for utterance in record["utterances"]):
            raise ShardError("A speaker is a number without a name: run `affectkit shards check`.")
        return DialogueTurn(record, turn)


class DialogueTextCollate:
    """Makes a window of each utterance and joins them.

    Args:
        target: Joins the annotations.
        window: Makes ids of an utterance with its context.

    Shape:
        - inputs["text"]: (B, T) int64, T the longest window; masks["text"]: (B, T) bool, True = real.
        - masks["current"]: (B, T) bool, True on the tokens of the utterance itself.
        - meta["text"]: B strings, the utterances without their context.
    """

    def __init__(self, target: ItemTarget, window: DialogueWindowText) -> None:
        self._target = target
        self._window = window

    def __call__(
        self,
        samples: Sequence[DialogueTurn],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        windows = [self._window.at(sample.turn, sample.names, sample.texts) for sample in samples]
        ids, mask = self._window.tokenizer.padded([window.ids for window in windows])
        place = torch.arange(ids.shape[1])
        start = torch.tensor([window.start for window in windows]).unsqueeze(1)
        stop = torch.tensor([window.stop for window in windows]).unsqueeze(1)
        return AffectBatch(
            inputs={INPUT: ids},
            masks={INPUT: mask, CURRENT: (place >= start) & (place < stop)},
            target=self._target([sample.item for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={
                "positions": list(positions),
                "text": [sample.texts[sample.turn] for sample in samples],
            },
        )
