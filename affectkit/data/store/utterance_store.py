"""The utterances of conversations as samples of their own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from affectkit.data.shards import Manifest
from affectkit.data.store.protocol import SampleStore
from affectkit.data.store.record_difficulties import stored_record

#: Member beside those of the conversation: which of its utterances a sample is, in decimal digits.
TURN: Final = "turn"


class UtteranceStore:
    """Conversations, read one utterance at a time, in order of time; each comes with its conversation.

    The key of an utterance is ``CONVERSATION/NUMBER``, with numbers from 0. Every record is read once at
    the beginning, for its length.

    Args:
        conversations: A store of conversations.

    Raises:
        ShardError: If a record is missing or damaged.
    """

    def __init__(self, conversations: SampleStore) -> None:
        self.conversations = conversations
        lengths: list[int] = []
        for position in range(len(conversations)):
            record = stored_record(
                conversations.get(position), kind="conversation", where=conversations.describe(position)
            )
            lengths.append(len(record["utterances"]))  # type: ignore[typeddict-item]
        #: Position of the first utterance of each conversation, and the number of all utterances.
        self.starts: tuple[int, ...] = (0, *accumulate(lengths))

    @property
    def manifest(self) -> Manifest:
        """What the data set holds."""
        return self.conversations.manifest

    @property
    def split(self) -> str:
        """Which part of the data set this is."""
        return self.conversations.split

    @property
    def counts(self) -> Sequence[int]:
        """Utterances per shard."""
        ends = [self.starts[end] for end in accumulate(self.conversations.counts)]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]

    @property
    def fingerprint(self) -> str:
        """Equal for equal content."""
        return f"{self.conversations.fingerprint}/utterances"

    def __len__(self) -> int:
        return self.starts[-1]

    def place(self, position: int) -> tuple[int, int]:
        """Conversation and number within it of the utterance at ``position``."""
        conversation = bisect_right(self.starts, position) - 1
        return conversation, position - self.starts[conversation]

    def positions(self, conversation: int) -> range:
        """Positions of the utterances of a conversation."""
        return range(self.starts[conversation], self.starts[conversation + 1])

    def key(self, position: int) -> str:
        """Key of the utterance at ``position``."""
        conversation, turn = self.place(position)
        return f"{self.conversations.key(conversation)}/{turn}"

    def describe(self, position: int) -> str:
        """Shard, conversation and number of the utterance at ``position``."""
        conversation, turn = self.place(position)
        return f"{self.conversations.describe(conversation)}, utterance {turn}"

    def get(self, position: int) -> dict[str, memoryview]:
        """Members of the conversation of the utterance at ``position``, and which one it is."""
        conversation, turn = self.place(position)
        return {**self.conversations.get(conversation), TURN: memoryview(str(turn).encode())}
