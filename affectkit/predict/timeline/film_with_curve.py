"""A copy of a video with the curves of its predictions under it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import numpy as np

from affectkit.callbacks.durable_text import move_into_place, sync_file
from affectkit.data.decode.video import VideoFrames, _av
from affectkit.predict.timeline.draw_timeline import TimelineStrip
from affectkit.predict.timeline.timeline import Timeline
from affectkit.predict.videos.video_file import read_video

_STRIP: Final = 140
_LEAST_WIDTH: Final = 320


def write_film_with_curve(timeline: Timeline, path: Path) -> None:
    """Write the video again with a strip of curves under each frame, and a line at the present.

    The copy is silent. A narrow video stands in the middle of a strip of 320 pixels.

    Args:
        timeline: What is drawn; its path is that of the video.
        path: The mp4 to write.

    Raises:
        DecodeError: If the path is that of no video, or it is damaged.
        MissingExtraError: If the extra ``video`` is not installed.
    """
    av: Any = _av()
    data = read_video(Path(timeline.path))
    VideoFrames(data)  # says in one sentence what is wrong with a file that is damaged
    partial = path.with_name(f".{path.name}.partial")
    try:
        with (
            av.open(io.BytesIO(data), format="mp4") as film,
            av.open(str(partial), "w", format="mp4") as copy,
        ):
            shown: Any = film.streams.video[0]
            width, height = max(int(shown.width), _LEAST_WIDTH), int(shown.height) + _STRIP
            written: Any = copy.add_stream("libx264", rate=shown.average_rate or 25)
            # The encoder wants even numbers.
            written.width, written.height = width + width % 2, height + height % 2
            written.pix_fmt = "yuv420p"
            strip = TimelineStrip(timeline, width=width, height=_STRIP)
            begin: int | None = None
            for frame in film.decode(shown):
                begin = frame.pts if begin is None else begin
                pixels = frame.to_ndarray(format="rgb24")
                canvas = np.zeros((written.height, written.width, 3), dtype=np.uint8)
                left = (width - pixels.shape[1]) // 2
                canvas[: pixels.shape[0], left : left + pixels.shape[1]] = pixels
                canvas[pixels.shape[0] : height, :width] = strip.at(
                    float((frame.pts - begin) * shown.time_base)
                )
                new: Any = av.VideoFrame.from_ndarray(canvas, format="rgb24")
                new.pts, new.time_base = frame.pts - begin, shown.time_base
                copy.mux(written.encode(new))
            copy.mux(written.encode(None))
        sync_file(partial)
        move_into_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)
