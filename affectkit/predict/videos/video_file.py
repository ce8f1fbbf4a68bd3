"""A video in a file: which one it is by its name, when its frames are shown, and its parts."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from affectkit.data.decode import DecodeError, VideoFrames

# The one module that PyAV enters through; it shows frames by their numbers, and here their times are needed.
from affectkit.data.decode.video import _av
from affectkit.predict.error import PredictError

#: Files of the format that frames are read from, which mp4 and QuickTime share.
VIDEOS: Final = (".mp4", ".m4v", ".mov")
#: Other films, for a sentence that says what to do with them.
OTHER_VIDEOS: Final = (".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv")
FILES: Final = "mp4, m4v or mov"


class VideoPart(NamedTuple):
    """Frames ``first`` to ``stop - 1`` of a video, and when they are shown in seconds."""

    first: int
    stop: int
    start: float
    end: float


def is_video(path: Path) -> bool:
    """Whether a file's name is that of a video that frames are read from."""
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".")


def read_video(path: Path) -> bytes:
    """The bytes of a video, by its name.

    Raises:
        DecodeError: If its name is that of another film, or of none.
        OSError: If it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return _bytes(path, path.stat().st_mtime_ns)
    if suffix in OTHER_VIDEOS:
        raise DecodeError(
            f"Frames are read from {FILES} alone: convert the file, `ffmpeg -i {path.name} {path.stem}.mp4`."
        )
    raise DecodeError(
        f"The name of the file ends in {suffix or 'nothing'!r}, and the model sees {FILES}: name a video."
    )


def frame_times(path: Path) -> list[float]:
    """When each frame is shown, in seconds from the first one, and when the last one ends.

    Raises:
        DecodeError: If it is no video that can be read.
        MissingExtraError: If the extra ``video`` is not installed.
        OSError: If it cannot be read.
    """
    data = read_video(path)
    frames = len(VideoFrames(data))
    av: Any = _av()
    with av.open(io.BytesIO(data), format="mp4") as file:
        stream: Any = file.streams.video[0]
        base = float(stream.time_base)
        packets = [packet for packet in file.demux(stream) if packet.pts is not None]
    shown = sorted({int(packet.pts) for packet in packets})
    lengths = [int(packet.duration or 0) for packet in packets if int(packet.pts) == shown[-1]]
    assert len(shown) == frames, "both count what the file states"
    return [(time - shown[0]) * base for time in [*shown, shown[-1] + max(lengths)]]


def video_parts(path: Path, every: float) -> list[VideoPart]:
    """Cut a video into parts of ``every`` seconds, the last one shorter.

    Raises:
        DecodeError: If it is no video that can be read.
        OSError: If it cannot be read.
        PredictError: If ``every`` is not above 0.
    """
    check_every(every)
    *shown, end = frame_times(path)
    firsts: list[int] = []
    for number, time in enumerate(shown):
        # The rounding of a time in thousandths must not begin a part a frame late.
        if not firsts or int((time + 1e-6) // every) > int((shown[firsts[-1]] + 1e-6) // every):
            firsts.append(number)
    stops = [*firsts[1:], len(shown)]
    times = [*shown, end]
    return [
        VideoPart(first, stop, times[first], times[stop]) for first, stop in zip(firsts, stops, strict=True)
    ]


def check_every(every: float) -> None:
    """Refuse parts of no length.

    Raises:
        PredictError: If ``every`` is not above 0.
    """
    if not every > 0:
        raise PredictError(f"Parts of {every:g} seconds were asked for: give a number above 0.")


@lru_cache(maxsize=1)
def _bytes(path: Path, changed: int) -> bytes:
    # The parts of a video are read one after the other: one file at a time is kept.
    return path.read_bytes()
