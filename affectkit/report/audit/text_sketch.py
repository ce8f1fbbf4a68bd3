"""What remains of a text so that texts with nearly the same letters can be found."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SHINGLE: Final = 4
_ROWS: Final = 4
#: Number of keys in :func:`text_sketch`.
SKETCH_KEYS: Final = 8
_OTHER: Final = re.compile(r"[\W_]+")
# Scripts without spaces between words: there each character counts as one.
_WORD: Final = re.compile(r"[぀-ヿ㐀-鿿豈-﫿฀-๿]|[^\W_]+")
_MASK: Final = 2**64 - 1


def _odd_numbers(count: int) -> NDArray[np.uint64]:
    """Odd multipliers from the SplitMix64 sequence: the same on every machine and version."""
    numbers, state = [], 0
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        numbers.append((mixed ^ (mixed >> 31)) | 1)
    return np.array(numbers, dtype=np.uint64)


_NUMBERS: Final = _odd_numbers(SKETCH_KEYS * _ROWS + _SHINGLE)
_MULTIPLIERS: Final = _NUMBERS[_SHINGLE:, None]
_PLACES: Final = _NUMBERS[:_SHINGLE]
_SHIFT: Final = np.uint64(32)


def normal_text(text: str) -> str:
    """Text without what a copy often loses: case, accents' composition, punctuation, spacing.

    Examples:
        >>> normal_text("  Don’t — PANIC!! ")
        'don t panic'
    """
    return _OTHER.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def count_words(text: str) -> int:
    """Number of words; a character of a script without spaces is one.

    Examples:
        >>> count_words("Well, that's it."), count_words("我很高兴")
        (4, 4)
    """
    return len(_WORD.findall(text))


def shingles(normal: str) -> frozenset[str]:
    """Every four neighbouring characters of a normalised text; the whole of a shorter one.

    Examples:
        >>> sorted(shingles("panic"))
        ['anic', 'pani']
    """
    return frozenset(normal[i : i + _SHINGLE] for i in range(max(1, len(normal) - _SHINGLE + 1)))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Share of what two sets have in common: intersection over union, 1 for two empty sets.

    Examples:
        >>> round(jaccard(shingles("no panic"), shingles("no panics")), 3)
        0.833
    """
    union = len(left | right)
    return len(left & right) / union if union else 1.0


def text_sketch(normal: str) -> tuple[int, ...]:
    r"""Eight keys of 32 bits, of which similar texts share at least one.

    A key joins the smallest of the hashed shingles under four hash functions, so that two texts of
    Jaccard similarity s share one of the keys with probability

    .. math:: 1 - (1 - s^4)^8

    which is 0.985 for s = 0.8, 0.9998 for s = 0.9, and 0.05 for s = 0.28.

    Args:
        normal: What :func:`normal_text` gave.

    References:
        Broder, "On the resemblance and containment of documents", SEQUENCES 1997.

    Examples:
        >>> left, right = text_sketch("nobody was at home today"), text_sketch("nobody was at home toda")
        >>> len(left), any(a == b for a, b in zip(left, right))
        (8, True)
    """
    padded = normal.ljust(_SHINGLE)
    codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, _SHINGLE)
    hashed = (windows * _PLACES).sum(axis=1, dtype=np.uint64)
    hashed ^= hashed >> _SHIFT
    smallest = ((hashed[None, :] * _MULTIPLIERS) >> _SHIFT).min(axis=1).reshape(SKETCH_KEYS, _ROWS)
    keys = (smallest * _MULTIPLIERS[:_ROWS, 0]).sum(axis=1, dtype=np.uint64) >> _SHIFT
    return tuple(int(key) for key in keys)
