"""What a loader needs of a store: samples by position, whatever holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from affectkit.data.shards import Manifest


class SampleStore(Protocol):
    """Random access to the samples of one split.

    A store is opened once and then only read. It can be pickled: a process that receives it opens
    what it needs when it reads its first sample, so fork and spawn behave alike.
    """

    @property
    def manifest(self) -> Manifest:
        """What the data set holds."""
        ...

    @property
    def split(self) -> str:
        """Which part of the data set this is."""
        ...

    @property
    def counts(self) -> Sequence[int]:
        """Samples per shard, in order of position."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal for equal content; a resumed run compares it."""
        ...

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def key(self, position: int) -> str:
        """Key of the sample at ``position``."""
        ...

    def describe(self, position: int) -> str:
        """Shard and key of the sample at ``position``, to begin an error message with."""
        ...

    def get(self, position: int) -> dict[str, memoryview]:
        """Members of the sample at ``position``: extension to bytes, without copying."""
        ...
