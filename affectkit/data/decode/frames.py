"""The frames of a clip, stored as pictures or as a video, read one by one by their indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affectkit.data.decode.error import DecodeError
from affectkit.data.decode.picture import Picture
from affectkit.data.decode.video import VideoFrames

_STILLS = ("jpeg", "jpg", "png", "webp")


class Frames(Protocol):
    """Frames by index, decoded when they are read."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def read(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Decode the frames of ascending ``indices``, each (H, W, 3); an index may repeat."""
        ...


class StillFrames:
    """Frames stored as one picture each, in the order of their names.

    Args:
        members: Extension to file, e.g. ``{"frame-000.jpg": ...}``.

    Raises:
        DecodeError: If there is none, or the first one's header is damaged.
    """

    def __init__(self, members: Mapping[str, bytes | memoryview]) -> None:
        if not members:
            raise DecodeError("The clip has no frames: make it anew.")
        self._files = [(data, ext.rpartition(".")[2]) for ext, data in sorted(members.items())]
        first = Picture(self._files[0][0], kind=self._files[0][1])
        self.size = first.height, first.width

    def __len__(self) -> int:
        return len(self._files)

    def read(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Decode the frames of ``indices``; an index that repeats is decoded once.

        Raises:
            DecodeError: If a frame is damaged or of another size than the first.
        """
        last, pixels = -1, np.empty((0, 0, 3), dtype=np.uint8)
        for index in indices:
            if index != last:
                data, kind = self._files[index]
                picture = Picture(data, kind=kind)
                if (picture.height, picture.width) != self.size:
                    raise DecodeError(
                        f"Frame {index} has {picture.width} x {picture.height} pixels and the first one "
                        f"{self.size[1]} x {self.size[0]}: store all frames of a clip at one size."
                    )
                last, pixels = index, picture.decode()
            yield pixels


def open_frames(members: Mapping[str, bytes | memoryview]) -> Frames:
    """The frames of a clip: its ``mp4`` member, else its pictures.

    Raises:
        DecodeError: If it has neither, or what it has is damaged.
        MissingExtraError: If it is a video and the extra ``video`` is not installed.
    """
    for ext, data in members.items():
        if ext.rpartition(".")[2] == "mp4":
            return VideoFrames(data)
    return StillFrames({e: data for e, data in members.items() if e.rpartition(".")[2] in _STILLS})
