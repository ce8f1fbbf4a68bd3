"""From the box of a face or body to the part of the frame that is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affectkit.data.decode.crop import Crop
from affectkit.data.decode.error import DecodeError


def box_crop(box: Sequence[float] | None, height: int, width: int, *, margin: float = 0.0) -> Crop:
    """The box with a margin on each side, cut off at the frame; the whole frame where there is no box.

    Args:
        box: Left, top, right, bottom in pixels; None = it was not found.
        height: Height of the frame.
        width: Width of the frame.
        margin: Pixels added on each side.

    Raises:
        DecodeError: If the box and its margin lie outside the frame, or hold no pixel.

    Examples:
        >>> box_crop([40, 30, 80, 90], 100, 200, margin=20)
        Crop(top=10, left=20, height=90, width=80, flip=False)
        >>> box_crop(None, 100, 200)
        Crop(top=0, left=0, height=100, width=200, flip=False)
    """
    if box is None:
        return Crop(0, 0, height, width)
    left, top = max(0, math.floor(box[0] - margin)), max(0, math.floor(box[1] - margin))
    right, bottom = min(width, math.ceil(box[2] + margin)), min(height, math.ceil(box[3] + margin))
    if right <= left or bottom <= top or box[2] < box[0] or box[3] < box[1]:
        raise DecodeError(
            f"The box {list(box)} holds no pixel of a frame of {width} x {height}: store null where nothing "
            "was found, or correct it."
        )
    return Crop(top, left, bottom - top, right - left)
