"""Clips of files and shards, and parts of them, to what a model sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from affectkit.data.decode import Crop, DecodeError, box_crop, centre_crop, segment_indices
from affectkit.data.loader import ClipSample, StreamsSample
from affectkit.predict.clips.clip_view import ClipView

#: Member that says which frames of the file the clip is.
PART: Final = "part"
#: Member that says which part of all frames is seen: left, top, right and bottom.
BOX: Final = "box"


class PartReader:
    """Reads a clip as the data module does; of a part, the middles of its own segments.

    Args:
        view: How evaluation shows a clip.

    Raises:
        ShardError: If a member is missing or damaged.
    """

    def __init__(self, view: ClipView) -> None:
        self._segments = view.segments
        self._size = view.size
        self._read = view.decoder()
        self._last: tuple[object, ClipSample | StreamsSample] | None = None

    def __call__(self, members: Mapping[str, memoryview]) -> Any:
        """Read ``members``."""
        stored = {name: data for name, data in members.items() if name not in (PART, BOX)}
        sample: ClipSample | StreamsSample = self._whole(stored) if PART in members else self._read(stored)
        if PART in members:
            first, stop = map(int, bytes(members[PART]).split())
            places = segment_indices(stop - first, self._segments)
            sample = replace(sample, indices=tuple(first + place for place in places))
        if BOX in members and isinstance(sample, ClipSample):
            sample = replace(sample, crop=self._crop(bytes(members[BOX]), sample))
        return sample

    def _crop(self, box: bytes, sample: ClipSample) -> Crop:
        part = box_crop([float(edge) for edge in box.split()], *sample.frames.size)
        if self._size is None:
            raise DecodeError(
                "The model sees frames as they are, so a box cannot be brought to their size: "
                "leave boxes out."
            )
        square = centre_crop(part.height, part.width)
        return Crop(part.top + square.top, part.left + square.left, square.height, square.width)

    def _whole(self, members: Mapping[str, memoryview]) -> ClipSample | StreamsSample:
        # The parts of a video come one after the other: where its frames lie is looked up once.
        data = members["mp4"].obj
        if self._last is None or self._last[0] is not data:
            self._last = (data, self._read(members))
        return self._last[1]
