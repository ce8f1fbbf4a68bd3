"""The frames of an mp4 file through PyAV; the only module that touches it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affectkit._optional import require
from affectkit.data.decode.error import DecodeError
from affectkit.data.decode.image import MAX_PIXELS

if TYPE_CHECKING:
    from types import ModuleType

    from av import VideoFrame

_MAX_FRAMES = 2**20


class VideoFrames:
    """Frames of the first video stream, by index in the order in which they are shown.

    Opening reads where each frame and each key frame lies, and decodes nothing. Reading starts at the
    last key frame before the wanted frame: what lies between key frames that nobody asked for is
    never decoded. A file with one key frame is decoded from its start to the last wanted frame.

    Args:
        data: The file.

    Raises:
        DecodeError: If it holds no readable video, or frames of more than :data:`MAX_PIXELS` pixels.
        MissingExtraError: If the extra ``video`` is not installed.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data
        av = _av()
        try:
            with av.open(io.BytesIO(data), format="mp4") as file:
                stream = file.streams.video[0]
                self.size = int(stream.height), int(stream.width)
                packets = [p for p in file.demux(stream) if p.pts is not None]
        except (av.FFmpegError, IndexError, ValueError) as error:
            raise _damaged(error) from error
        self._times = sorted({int(packet.pts) for packet in packets})
        self._keys = sorted({int(packet.pts) for packet in packets if packet.is_keyframe})
        height, width = self.size
        if not self._times or not self._keys or len(self._times) > _MAX_FRAMES or height * width < 1:
            raise DecodeError(f"The mp4 file has {len(self._times)} frames that can be read: make it anew.")
        if height * width > MAX_PIXELS:
            raise DecodeError(
                f"The mp4 file claims {width} x {height} pixels, over the limit of {MAX_PIXELS}: "
                "store it smaller."
            )
        #: Frames decoded so far by :meth:`read`, wanted or not.
        self.decoded = 0

    def __len__(self) -> int:
        return len(self._times)

    def read(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Decode the frames of ascending ``indices``, each (H, W, 3) RGB; an index may repeat.

        Raises:
            DecodeError: If a frame cannot be decoded.
            IndexError: If there is no such frame.
        """
        wanted = [self._times[index] for index in indices]
        if wanted != sorted(wanted) or min(indices, default=0) < 0:
            raise IndexError(f"Frames {list(indices)} were asked for: give indices from 0, ascending.")
        av = _av()
        try:
            yield from self._read(av, wanted)
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, DecodeError):
                raise
            raise _damaged(error) from error

    def _read(self, av: ModuleType, wanted: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        with av.open(io.BytesIO(self._data), format="mp4") as file:
            stream = file.streams.video[0]
            shown: int | None = None
            pixels: NDArray[np.uint8] = np.empty((0, 0, 3), dtype=np.uint8)
            decoder: Iterator[VideoFrame] = iter(())
            reached = -1
            for time in wanted:
                if time != shown:
                    key = max((k for k in self._keys if k <= time), default=self._keys[0])
                    if reached < 0 or key > reached:
                        file.seek(key, stream=stream)
                        decoder = iter(file.decode(stream))
                    frame = self._advance(decoder, time)
                    reached = shown = time
                    pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
                    if pixels.shape != (*self.size, 3):
                        raise DecodeError("The mp4 file changes its size between frames: make it anew.")
                yield pixels

    def _advance(self, decoder: Iterator[VideoFrame], time: int) -> VideoFrame:
        for frame in decoder:
            self.decoded += 1
            if frame.pts == time:
                return frame
        raise DecodeError(f"The mp4 file has no frame at time {time}, which its index states: make it anew.")


def _av() -> ModuleType:
    return require("av", extra="video", purpose="Reading the frames of mp4 files")


def _damaged(error: Exception) -> DecodeError:
    # Without the number and the place in memory that FFmpeg adds.
    why = getattr(error, "strerror", None) or error
    return DecodeError(f"The mp4 file is damaged ({why}): restore it or make it anew.")
