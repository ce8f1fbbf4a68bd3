"""JPEG files through torchvision, where it is installed and works; the only decoder that touches it."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit._optional import require
from affectkit.data.decode.error import DecodeError

if TYPE_CHECKING:
    from types import ModuleType


def has_torchvision_jpeg() -> bool:
    """Whether torchvision decodes JPEG files here; one built for another torch does not."""
    return _decoder() is not None


def decode_jpeg_torchvision(data: bytes | memoryview, out: NDArray[np.uint8]) -> None:
    """Decode RGB pixels of a grey or colour (not CMYK) file into ``out``, (H, W, 3), of the header's size.

    Raises:
        DecodeError: If the file is damaged.
        MissingExtraError: If torchvision is not installed.
    """
    # torch wants memory that may be written to, and a mapped shard may not
    file = torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())
    io = _decoder() or _require()
    try:
        pixels: Tensor = io.decode_jpeg(file, mode=io.ImageReadMode.RGB)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DecodeError(f"The jpg file is damaged ({reason}): restore it or make it anew.") from error
    if (pixels.shape[1], pixels.shape[2], 3) != out.shape:
        raise DecodeError("The jpg file changes its size within: restore it or make it anew.")
    out[...] = pixels.permute(1, 2, 0).numpy()


@lru_cache(maxsize=1)
def _decoder() -> ModuleType | None:
    if find_spec("torchvision") is None:
        return None
    try:
        module = _require()
    except (ImportError, OSError, RuntimeError):
        return None
    return module if hasattr(torch.ops.image, "decode_jpeg") else None


def _require() -> ModuleType:
    return require("torchvision.io", extra="fast", purpose="Decoding JPEG files without simplejpeg or Pillow")
