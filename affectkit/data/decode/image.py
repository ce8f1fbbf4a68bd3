"""Image members to uint8 pixels."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from affectkit.data.decode.error import DecodeError

#: A few kilobytes of PNG can claim gigapixels; larger pictures are not decoded.
MAX_PIXELS = 89_478_485
IMAGE_FORMATS = {"jpeg": "JPEG", "jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


def decode_image(data: bytes | memoryview, *, kind: str) -> Tensor:
    """Decode a picture to RGB.

    Only the decoder of the stated kind is tried, so a renamed file cannot reach a rarer one.

    Args:
        data: The file.
        kind: ``"jpg"``, ``"jpeg"``, ``"png"`` or ``"webp"``.

    Shape:
        - Output: (H, W, 3) uint8.

    Raises:
        DecodeError: If the picture is damaged, of another kind, or over :data:`MAX_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=(IMAGE_FORMATS[kind],)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise DecodeError(
                    f"The {kind} file claims {width} x {height} pixels, over the limit of {MAX_PIXELS}: "
                    "store it smaller."
                )
            pixels = np.array(picture.convert("RGB"), dtype=np.uint8)
    except DecodeError:
        raise
    except UnidentifiedImageError as error:
        raise DecodeError(
            f"The {kind} file is damaged, or no {kind} picture: restore it or make it anew."
        ) from error
    except Exception as error:  # each of Pillow's format plug-ins has errors of its own
        raise DecodeError(f"The {kind} file is damaged ({error}): restore it or make it anew.") from error
    return torch.from_numpy(pixels)
