"""Single frames of a video, for models of pictures."""

from __future__ import annotations

import io
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image

from affectkit.data.decode import DecodeError, VideoFrames
from affectkit.data.schema import ShardError
from affectkit.predict.item import Members, PredictItem, file_members, unreadable
from affectkit.predict.videos.video_file import read_video, video_parts


def video_stills(path: Path, *, every: float, region: str) -> list[PredictItem]:
    """The middle frame of every so many seconds of a video; one item with an error where it is none.

    Args:
        path: The video.
        every: Seconds from one frame to the next.
        region: What of a frame is shown.

    Raises:
        MissingExtraError: If the extra ``video`` is not installed.
        PredictError: If ``every`` is not above 0.
    """
    try:
        parts = video_parts(path, every)
    except ShardError as error:
        return [unreadable(path, str(error), region=region)]
    except OSError as error:
        why = f"The file cannot be read ({error.strerror or error}): correct its rights."
        return [unreadable(path, why, region=region)]
    return [
        PredictItem(
            str(path),
            region,
            partial(_still, path, (part.first + part.stop) // 2),
            part=f"frame {(part.first + part.stop) // 2}",
            start=part.start,
            stop=part.end,
            source=path,
        )
        for part in parts
    ]


def _still(path: Path, number: int) -> Members:
    frames = _opened(path, path.stat().st_mtime_ns)
    pixels = next(frames.read([number]), None)
    if pixels is None:
        raise DecodeError(f"The video has no frame {number}: make it anew.")
    # As a file without loss, so that frames take the very way of pictures.
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=0)
    return file_members("png", buffer.getvalue())


@lru_cache(maxsize=1)
def _opened(path: Path, changed: int) -> VideoFrames:
    return VideoFrames(read_video(path))
