"""A hash of a picture that small changes leave nearly as it is."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE: Final = 32
_KEPT: Final = 8


def _cosines() -> NDArray[np.float64]:
    """The rows of the discrete cosine transform (type II) that are kept."""
    frequency, place = np.arange(_KEPT)[:, None], np.arange(_SIDE)[None, :]
    return np.asarray(np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE)), dtype=np.float64)


_COSINES: Final = _cosines()


def picture_hash(pixels: NDArray[np.uint8]) -> int | None:
    r"""Perceptual hash of a picture: which of its low frequencies are above their median.

    .. math:: b_{uv} = [c_{uv} > \mathrm{median}(c)], \quad c = C\,y\,C^\top

    where y is the picture in grey at 32 x 32 pixels, C holds the first 8 rows of the discrete cosine
    transform, and the median is over all coefficients but the mean brightness, whose bit is 0. Another
    size, another quality of JPEG or a little more light change few of the 63 bits that are left.

    Args:
        pixels: (H, W, 3) RGB.

    Returns:
        64 bits as a whole number, or None for a picture of a single colour, which has no frequencies.

    References:
        Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", thesis, 2010.

    Deviation from the paper:
        No smoothing before the reduction, which averages over areas; the block starts at frequency 0.

    Examples:
        >>> ramp = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
        >>> picture_hash(ramp) == picture_hash(np.repeat(ramp, 2, axis=0))
        True
        >>> picture_hash(np.full((8, 8, 3), 7, dtype=np.uint8)) is None
        True
    """
    if pixels.size == 0 or bool((pixels == pixels[:1, :1]).all()):
        return None
    coefficients = (_COSINES @ _small_grey(pixels) @ _COSINES.T).ravel()
    bits = coefficients > np.median(coefficients[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def picture_similarity(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """Correlation of two pictures in grey at 32 x 32 pixels: 1 where they differ in light alone.

    Args:
        left: (H, W, 3) RGB.
        right: (H', W', 3) RGB.

    Examples:
        >>> ramp = np.arange(48 * 48 * 3, dtype=np.uint8).reshape(48, 48, 3)
        >>> round(picture_similarity(ramp, ramp // 2 + 40), 2)
        1.0
    """
    one, other = _small_grey(left).ravel(), _small_grey(right).ravel()
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / scale if scale else 0.0


def _small_grey(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = Image.fromarray(pixels).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.float64)
