"""JPEG files through simplejpeg, where it is installed; the only module that touches it."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affectkit._optional import require
from affectkit.data.decode.error import DecodeError

if TYPE_CHECKING:
    from types import ModuleType


def has_fast_jpeg() -> bool:
    """Whether the extra ``fast`` is installed; without it others decode, to the same pixels."""
    return _simplejpeg() is not None


def jpeg_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Height and width from the header; None where this decoder cannot give RGB (CMYK).

    Raises:
        DecodeError: If the header is damaged.
        MissingExtraError: If the extra ``fast`` is not installed.
    """
    try:
        height, width, colours, _ = _require().decode_jpeg_header(data)
    except (ValueError, TypeError) as error:
        raise _damaged(error) from error
    return None if colours in ("CMYK", "YCCK") else (int(height), int(width))


def decode_jpeg(data: bytes | memoryview, out: NDArray[np.uint8]) -> None:
    """Decode RGB pixels into ``out``, (H, W, 3) and contiguous, of the size that the header states.

    The settings that trade pixels for speed are off, so that the result does not depend on which
    decoder is installed.

    Raises:
        DecodeError: If the file is damaged, even where a part of it could be shown.
        MissingExtraError: If the extra ``fast`` is not installed.
    """
    try:
        _require().decode_jpeg(data, colorspace="RGB", buffer=out)
    except (ValueError, TypeError) as error:
        raise _damaged(error) from error


@lru_cache(maxsize=1)
def _simplejpeg() -> ModuleType | None:
    return None if find_spec("simplejpeg") is None else _require()


@lru_cache(maxsize=1)  # asked for twice a picture
def _require() -> ModuleType:
    return require("simplejpeg", extra="fast", purpose="Decoding JPEG files into a batch")


def _damaged(error: Exception) -> DecodeError:
    return DecodeError(f"The jpg file is damaged ({error}): restore it or make it anew.")
