"""Pictures as PNG files, the same bytes each time."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image


def png_bytes(image: npt.NDArray[np.uint8]) -> bytes:
    """Encode a picture (H, W, 3)."""
    buffer = io.BytesIO()
    # Every setting is stated, so that a change of Pillow's defaults does not change the bytes.
    Image.fromarray(image).save(buffer, format="PNG", optimize=False, compress_level=6)
    return buffer.getvalue()
