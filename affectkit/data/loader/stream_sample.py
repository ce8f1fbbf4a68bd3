"""Several aligned views of one picture or clip, e.g. a face and what is around it; not decoded yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from affectkit.data.decode.fit_into import Fit
from affectkit.data.decode.frames import Frames, open_frames
from affectkit.data.decode.segment_indices import segment_indices
from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ItemRecord, ShardError

Box: TypeAlias = Sequence[float]


class StreamSpec(NamedTuple):
    """What a stream is called and how its part of a frame becomes a square.

    Args:
        name: Name in the record's ``boxes`` and in ``AffectBatch.inputs``.
        fit: See :func:`~affectkit.data.decode.fit_into`.
        margin: Pixels added to its boxes on each side.
    """

    name: str
    fit: Fit = "stretch"
    margin: float = 0.0


class StreamView(NamedTuple):
    """What training sees of a stream: a window in shares of its part of the frame, flipped and turned."""

    top: float = 0.0
    left: float = 0.0
    height: float = 1.0
    width: float = 1.0
    flip: bool = False
    angle: float = 0.0


#: Everything, as it is.
WHOLE: Final = StreamView()


@dataclass(slots=True, frozen=True)
class Stream:
    """Where the frames of a stream lie, and in which part of them it is."""

    spec: StreamSpec
    frames: Frames
    boxes: Sequence[Box | None] = ()
    view: StreamView = WHOLE

    def box(self, frame: int) -> Box | None:
        """Its box in one frame; None = the whole of it."""
        if not self.boxes:
            return None
        return self.boxes[0] if len(self.boxes) == 1 else self.boxes[frame]


@dataclass(slots=True, frozen=True)
class StreamsSample:
    """One picture or clip with its streams, and which frames are seen of all of them."""

    record: ItemRecord
    streams: Sequence[Stream]
    indices: tuple[int, ...] = field(default=(0,))


class StreamReader:
    """Reads the record of a sample and finds the frames of each stream.

    Frames of its own are members whose names begin with the stream's: ``KEY.face.mp4``,
    ``KEY.face.jpg`` or ``KEY.face-000.jpg``. A stream without any is cut from the frames of the
    sample, ``KEY.mp4``, ``KEY.jpg`` or ``KEY.frame-000.jpg``, by the record's ``boxes``; where that
    has none either (for ``face``, no ``box``), it is the whole frame.

    Args:
        specs: The streams.
        segments: Number T of frames that are seen, the middles of segments; 1 for pictures.

    Raises:
        ShardError: If a member is missing or damaged, streams have different numbers of frames, or
            boxes are neither one nor one a frame.
    """

    def __init__(self, specs: Sequence[StreamSpec], *, segments: int = 16) -> None:
        self._specs = tuple(specs)
        self._segments = segments

    def __call__(self, members: Mapping[str, memoryview]) -> StreamsSample:
        """Read ``members``."""
        record = read_item(members)
        shared: Frames | None = None
        streams: list[Stream] = []
        for spec in self._specs:
            own = {ext: data for ext, data in members.items() if _belongs(ext, spec.name)}
            if own:
                streams.append(Stream(spec, open_frames(own)))
                continue
            if shared is None:
                # one object for all streams that are cut from it, so that it is decoded once
                shared = open_frames(_frames_of_sample(members, spec.name))
            boxes = record.get("boxes", {}).get(spec.name, [])
            if not boxes and spec.name == "face" and "box" in record:
                boxes = [record["box"]]
            if len(boxes) not in (0, 1, len(shared)):
                raise ShardError(
                    f"The record has {len(boxes)} boxes of {spec.name!r} for {len(shared)} frames: give one "
                    "for each frame, or one for all."
                )
            streams.append(Stream(spec, shared, boxes))
        lengths = {len(stream.frames) for stream in streams}
        if len(lengths) > 1:
            listed = ", ".join(f"{stream.spec.name!r} {len(stream.frames)}" for stream in streams)
            raise ShardError(f"The streams have different numbers of frames ({listed}): store them alike.")
        return StreamsSample(record, streams, tuple(segment_indices(lengths.pop(), self._segments)))


def _belongs(ext: str, name: str) -> bool:
    return ext.startswith((f"{name}.", f"{name}-")) and not ext.endswith(".json")


def _frames_of_sample(members: Mapping[str, memoryview], name: str) -> dict[str, memoryview]:
    found = {ext: data for ext, data in members.items() if "." not in ext or ext.startswith("frame")}
    if not any(ext != "json" for ext in found):
        raise ShardError(
            f"The sample has no frames of {name!r} and none to cut it from (it has "
            f"{', '.join(sorted(members)) or 'nothing'}): store members named {name}-000.jpg and so on, or "
            "leave the stream out."
        )
    return found
