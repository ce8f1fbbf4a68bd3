"""The utterances of stored conversations as samples of their own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final, cast

from affectkit.data.schema import ConversationRecord, ShardError
from affectkit.data.shards import Manifest
from affectkit.data.store.protocol import SampleStore
from affectkit.data.store.record_difficulties import stored_record

#: Member that says which utterance of its conversation a sample is.
TURN: Final = "turn"


class UtteranceView:
    """A store of conversations, seen as one sample for each utterance.

    A sample has the members of its whole conversation, and ``turn``, its number there in decimal digits.
    The records are read once, to count utterances.

    Args:
        store: The conversations.
        skip_damaged: Whether a conversation that cannot be read counts as one utterance, for a loader
            that masks it; otherwise it is an error.

    Raises:
        ShardError: If a conversation is damaged.
    """

    def __init__(self, store: SampleStore, *, skip_damaged: bool = False) -> None:
        self._store = store
        lengths = [self._utterances(position, skip_damaged) for position in range(len(store))]
        #: Place of the first utterance of each conversation, and the number of all.
        self.starts: Sequence[int] = [0, *accumulate(lengths)]
        ends = [0, *accumulate(store.counts)]
        self._counts = [self.starts[stop] - self.starts[start] for start, stop in pairwise(ends)]

    @property
    def manifest(self) -> Manifest:
        """What the data set holds."""
        return self._store.manifest

    @property
    def split(self) -> str:
        """Which part of the data set this is."""
        return self._store.split

    @property
    def counts(self) -> Sequence[int]:
        """Utterances per shard, in order of position."""
        return self._counts

    @property
    def fingerprint(self) -> str:
        """Equal for equal content, and never that of the conversations."""
        return f"{self._store.fingerprint}/utterances"

    def __len__(self) -> int:
        return self.starts[-1]

    def place(self, position: int) -> tuple[int, int]:
        """Position of the conversation, and number of the utterance in it."""
        conversation = bisect_right(self.starts, position) - 1
        return conversation, position - self.starts[conversation]

    def key(self, position: int) -> str:
        """``KEY#NUMBER`` of the utterance at ``position``."""
        conversation, turn = self.place(position)
        return f"{self._store.key(conversation)}#{turn}"

    def describe(self, position: int) -> str:
        """Shard, key and number, to begin an error message with."""
        conversation, turn = self.place(position)
        return f"{self._store.describe(conversation)}, utterance {turn}"

    def get(self, position: int) -> dict[str, memoryview]:
        """Members of the conversation, and the number of the utterance."""
        conversation, turn = self.place(position)
        return {**self._store.get(conversation), TURN: memoryview(str(turn).encode())}

    def _utterances(self, position: int, skip_damaged: bool) -> int:
        where = self._store.describe(position)
        try:
            record = stored_record(self._store.get(position), kind="conversation", where=where)
        except ShardError:
            if not skip_damaged:
                raise
            return 1
        return len(cast(ConversationRecord, record)["utterances"])
