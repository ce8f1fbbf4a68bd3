"""Clips of files and shards, and parts of them, to what a model sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from affectkit.data.decode import segment_indices
from affectkit.data.loader import ClipSample, StreamsSample
from affectkit.predict.clips.clip_view import ClipView

#: Member that says which frames of the file the clip is.
PART: Final = "part"


class PartReader:
    """Reads a clip as the data module does; of a part, the middles of its own segments.

    Args:
        view: How evaluation shows a clip.

    Raises:
        ShardError: If a member is missing or damaged.
    """

    def __init__(self, view: ClipView) -> None:
        self._segments = view.segments
        self._read = view.decoder()
        self._last: tuple[object, ClipSample | StreamsSample] | None = None

    def __call__(self, members: Mapping[str, memoryview]) -> Any:
        """Read ``members``."""
        if PART not in members:
            sample: ClipSample | StreamsSample = self._read(members)
            return sample
        first, stop = map(int, bytes(members[PART]).split())
        indices = tuple(first + place for place in segment_indices(stop - first, self._segments))
        return replace(
            self._whole({name: data for name, data in members.items() if name != PART}), indices=indices
        )

    def _whole(self, members: Mapping[str, memoryview]) -> ClipSample | StreamsSample:
        # The parts of a video come one after the other: where its frames lie is looked up once.
        data = members["mp4"].obj
        if self._last is None or self._last[0] is not data:
            self._last = (data, self._read(members))
        return self._last[1]
