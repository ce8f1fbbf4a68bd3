"""Members of a stored conversation to a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from affectkit.data.collate import ConversationSample
from affectkit.data.schema import (
    ConversationRecord,
    ShardError,
    StoredTensors,
    UtteranceRecord,
    conversation_record,
    parse_json,
)

_NOTHING: Final[UtteranceRecord] = {"id": "", "text": "", "speaker": 0, "label": None}


class ConversationReader:
    """Reads the record of a conversation and, where they are wanted, its features.

    Args:
        features: Whether to read ``KEY.safetensors``; a sample may lack it.

    Raises:
        ShardError: If a member is missing or damaged.
    """

    def __init__(self, *, features: bool = True) -> None:
        self._features = features

    def __call__(self, members: Mapping[str, memoryview]) -> ConversationSample:
        """Decode ``members``."""
        # the fields of the record are checked where they are used, as arrays
        record = cast(ConversationRecord, _parsed(members))
        stored = members.get("safetensors") if self._features else None
        return ConversationSample(record=record, features={} if stored is None else StoredTensors(stored))

    def outline(self, members: Mapping[str, memoryview]) -> ConversationSample:
        """The utterances of a damaged conversation, so far as its record is sound; else a single one."""
        try:
            record = self.record(members)
        except ShardError:
            record = {"id": "", "speakers": [""], "utterances": [_NOTHING]}
        bare: list[UtteranceRecord] = [
            {"id": u["id"], "text": u["text"], "speaker": u["speaker"], "label": None}
            for u in record["utterances"]
        ]
        return ConversationSample(record={**record, "utterances": bare}, features={})

    @staticmethod
    def record(members: Mapping[str, memoryview]) -> ConversationRecord:
        """Decode the record alone and check every field of it."""
        return conversation_record(_parsed(members), where="The JSON")


def _parsed(members: Mapping[str, memoryview]) -> dict[str, object]:
    if "json" not in members:
        raise ShardError(
            f"The conversation has no json member (it has {', '.join(sorted(members)) or 'none'}): "
            f"make the shards anew from their source."
        )
    value = parse_json(members["json"], where="The JSON")
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("utterances"), list)
        or not value["utterances"]
    ):
        conversation_record(value, where="The JSON")
    return cast("dict[str, object]", value)
