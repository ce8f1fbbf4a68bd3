"""How a part of a frame becomes a square: stretched, cut, or with black bars; and turned."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affectkit.data.decode.crop import Crop, centre_crop, crop_into

Fit: TypeAlias = Literal["stretch", "crop", "letterbox"]


def fit_into(
    pixels: NDArray[np.uint8], crop: Crop, out: NDArray[np.uint8], *, fit: Fit, angle: float = 0.0
) -> None:
    """Bring ``crop`` of (H, W, 3) pixels to ``out``.

    Args:
        pixels: The frame.
        crop: The part that is seen.
        out: (h, w, 3), written in place.
        fit: ``"stretch"`` fills ``out`` whatever the shape, ``"crop"`` shows the largest centred
            square, ``"letterbox"`` keeps the proportions and leaves the rest black.
        angle: Degrees to turn counter-clockwise by; corners become black.

    Examples:
        >>> out = np.empty((2, 2, 3), dtype=np.uint8)
        >>> fit_into(np.full((2, 4, 3), 9, dtype=np.uint8), Crop(0, 0, 2, 4), out, fit="letterbox")
        >>> out[..., 0].tolist()
        [[9, 9], [0, 0]]
    """
    if fit == "letterbox":
        height, width = out.shape[:2]
        scale = min(height / crop.height, width / crop.width)
        inner = max(1, round(crop.height * scale)), max(1, round(crop.width * scale))
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        out[...] = 0
        part = np.empty((*inner, 3), dtype=np.uint8)
        crop_into(pixels, crop, part)
        out[top : top + inner[0], left : left + inner[1]] = part
    elif fit == "crop":
        square = centre_crop(crop.height, crop.width)
        crop_into(
            pixels,
            square._replace(top=crop.top + square.top, left=crop.left + square.left, flip=crop.flip),
            out,
        )
    else:
        crop_into(pixels, crop, out)
    if angle:
        out[...] = np.asarray(Image.fromarray(out).rotate(angle, Image.Resampling.BILINEAR))
