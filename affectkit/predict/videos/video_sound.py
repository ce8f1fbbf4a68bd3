"""The sound of a video."""

from __future__ import annotations

import io
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from affectkit.data.decode import DecodeError

# The one module that PyAV enters through; it shows frames, and here the sound is wanted.
from affectkit.data.decode.video import _av

#: Format of a video by the end of its name; stated, so that no other reader of PyAV is ever tried.
_FORMATS: Final = MappingProxyType(
    {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".avi": "avi", ".mkv": "matroska", ".webm": "matroska"}
)
#: Samples of a recording that are held at most, all channels together: six hours of one at 48 kHz.
_MOST: Final = 6 * 3600 * 48_000


def has_sound_track(path: Path) -> bool:
    """Whether a file's name is that of a video whose sound can be read."""
    return path.suffix.lower() in _FORMATS


def video_sound(path: Path) -> tuple[NDArray[np.float32], int]:
    """The first sound track of a video, float32 (channels, T) in [-1, 1], and its samples per second.

    Raises:
        DecodeError: If it is damaged, has no sound, or more than is held.
        MissingExtraError: If the extra ``video`` is not installed.
        OSError: If it cannot be read.
    """
    av: Any = _av()
    pieces: list[NDArray[np.float32]] = []
    held = 0
    try:
        with av.open(io.BytesIO(path.read_bytes()), format=_FORMATS[path.suffix.lower()]) as file:
            if not file.streams.audio:
                raise DecodeError("The video has no sound: leave it out, or use a model that sees.")
            stream: Any = file.streams.audio[0]
            rate = int(stream.rate)
            change: Any = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
            for frame in file.decode(stream):
                for same in change.resample(frame):
                    pieces.append(np.asarray(same.to_ndarray(), dtype=np.float32))
                    held += pieces[-1].size
                    if held > _MOST:
                        raise DecodeError("The sound of the video is too long to be held: cut it into parts.")
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(f"The sound of the video is damaged ({error}): make the file anew.") from error
    if not pieces:
        raise DecodeError("The sound track of the video is empty: leave it out.")
    return np.concatenate(pieces, axis=1), rate
