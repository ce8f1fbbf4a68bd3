"""Videos as they lie about: their parts, and single frames of them."""

from __future__ import annotations

from affectkit.predict.videos.video_file import VideoPart, frame_times, video_parts
from affectkit.predict.videos.video_stills import video_stills

__all__ = ("VideoPart", "frame_times", "video_parts", "video_stills")
