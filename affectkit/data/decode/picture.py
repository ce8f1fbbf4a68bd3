"""A picture that is decoded when, and where, its pixels are wanted."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from affectkit.data.decode.error import DecodeError
from affectkit.data.decode.image import IMAGE_FORMATS, MAX_PIXELS, decode_image
from affectkit.data.decode.jpeg import decode_jpeg, has_fast_jpeg, jpeg_size
from affectkit.data.decode.torchvision_jpeg import decode_jpeg_torchvision, has_torchvision_jpeg

_JPEG: Final = ("jpeg", "jpg")


class Picture:
    """The file of a picture, its size read from the header, its pixels not yet decoded.

    JPEG files are decoded by simplejpeg where it is installed, else by torchvision where it works, else
    by Pillow; CMYK files and other kinds by Pillow.

    Args:
        data: The file, e.g. a slice of a mapped tar.
        kind: ``"jpg"``, ``"jpeg"``, ``"png"`` or ``"webp"``.

    Raises:
        DecodeError: If the header is damaged, or claims more pixels than are decoded.
    """

    __slots__ = ("_data", "_decode", "_kind", "height", "width")

    def __init__(self, data: bytes | memoryview, *, kind: str) -> None:
        self._data = data
        self._kind = kind
        size = jpeg_size(data) if kind in _JPEG and has_fast_jpeg() else None
        self._decode = None if size is None else decode_jpeg
        if size is None:
            size, mode = _pillow_header(data, kind)
            if mode in ("L", "RGB") and kind in _JPEG and not has_fast_jpeg() and has_torchvision_jpeg():
                self._decode = decode_jpeg_torchvision
        self.height, self.width = size
        if self.height * self.width > MAX_PIXELS:
            raise DecodeError(
                f"The {kind} file claims {self.width} x {self.height} pixels, over the limit of {MAX_PIXELS}"
                ": store it smaller."
            )

    def decode_into(self, out: NDArray[np.uint8]) -> None:
        """Decode to ``out`` (H, W, 3).

        Raises:
            DecodeError: If the picture is damaged, or ``out`` has another size.
        """
        if out.shape != (self.height, self.width, 3):
            raise DecodeError(
                f"A picture of {self.width} x {self.height} pixels does not fit {out.shape}: crop it."
            )
        if self._decode is not None and out.flags.c_contiguous:
            self._decode(self._data, out)
        else:
            out[...] = decode_image(self._data, kind=self._kind).numpy()

    def decode(self) -> NDArray[np.uint8]:
        """Decode to a new array (H, W, 3).

        Raises:
            DecodeError: If the picture is damaged.
        """
        out = np.empty((self.height, self.width, 3), dtype=np.uint8)
        self.decode_into(out)
        return out


def _pillow_header(data: bytes | memoryview, kind: str) -> tuple[tuple[int, int], str]:
    try:
        with Image.open(io.BytesIO(data), formats=(IMAGE_FORMATS[kind],)) as picture:
            return (picture.height, picture.width), picture.mode
    except UnidentifiedImageError as error:  # its own message holds an address in memory
        raise DecodeError(
            f"The {kind} file is damaged, or no {kind} picture: restore it or make it anew."
        ) from error
    except Exception as error:  # each of Pillow's format plug-ins has errors of its own
        raise DecodeError(f"The {kind} file is damaged ({error}): restore it or make it anew.") from error
