"""Pictures and clips as read: annotation, and pixels that are not decoded yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from affectkit.data.decode.crop import Crop
from affectkit.data.decode.frames import Frames, open_frames
from affectkit.data.decode.picture import Picture
from affectkit.data.decode.segment_indices import segment_indices
from affectkit.data.schema import ItemRecord, ShardError, item_record, parse_json

_KINDS = ("jpg", "jpeg", "png", "webp")


@dataclass(slots=True, frozen=True)
class ImageSample:
    """One picture; ``crop`` None leaves it as it is, or to the collate's size."""

    record: ItemRecord
    picture: Picture
    crop: Crop | None = None


@dataclass(slots=True, frozen=True)
class ClipSample:
    """One clip and which of its frames are seen, in what part of the frame."""

    record: ItemRecord
    frames: Frames
    indices: tuple[int, ...]
    crop: Crop | None = None


class ImageReader:
    """Reads the record of a picture and its header; pixels are decoded into the batch.

    Raises:
        ShardError: If a member is missing or damaged.
    """

    def __call__(self, members: Mapping[str, memoryview]) -> ImageSample:
        """Read ``members``."""
        for kind in _KINDS:
            if kind in members:
                return ImageSample(read_item(members), Picture(members[kind], kind=kind))
        raise ShardError(
            f"The sample has no picture (it has {', '.join(sorted(members)) or 'nothing'}): it needs a "
            f"member named jpg, png or webp."
        )


class ClipReader:
    """Reads the record of a clip and where its frames lie; the middles of segments are seen.

    Args:
        segments: Number T of frames that are seen.

    Raises:
        ShardError: If a member is missing or damaged.
    """

    def __init__(self, *, segments: int = 16) -> None:
        self._segments = segments

    def __call__(self, members: Mapping[str, memoryview]) -> ClipSample:
        """Read ``members``."""
        frames = open_frames(members)
        return ClipSample(read_item(members), frames, tuple(segment_indices(len(frames), self._segments)))


def read_item(members: Mapping[str, memoryview]) -> ItemRecord:
    """The checked record of a single item.

    Raises:
        ShardError: If it is missing or damaged.
    """
    if "json" not in members:
        raise ShardError(
            f"The sample has no json member (it has {', '.join(sorted(members)) or 'none'}): make the "
            f"shards anew from their source."
        )
    return item_record(parse_json(members["json"], where="The JSON"), where="The JSON")
