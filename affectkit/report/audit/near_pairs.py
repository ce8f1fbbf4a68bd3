"""Pairs that agree in a key, found by sorting and not by comparing all with all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]

_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class NearPairs:
    """What a search found, and what it cost.

    Args:
        left: Position of one of each pair; always the smaller one.
        right: Position of the other.
        comparisons: How many pairs were looked at, over all tables.
        cut: How many buckets were larger than the window, so that pairs in them may be missing.
    """

    left: Numbers
    right: Numbers
    comparisons: int
    cut: int


def find_pairs(
    tables: Iterable[Keys],
    size: int,
    *,
    near: Callable[[Numbers, Numbers], NDArray[np.bool_]],
    window: int = 64,
) -> NearPairs:
    """Pairs that have the same key in one of the tables and are near.

    Each table is sorted by its key. What has the same key then stands side by side, and each is
    compared with the next ``window`` of them: the work is at most ``window * size`` a table, whatever
    the data are.

    Args:
        tables: One key for each of ``size`` things, several times over.
        size: How many things.
        near: For two arrays of positions, which pairs are near. A pair is asked about once a table.
        window: How many of its successors in a bucket each is compared with.
    """
    codes = [np.empty(0, dtype=np.int64)]
    comparisons = cut = 0
    for keys in tables:
        order = np.argsort(keys, kind="stable").astype(np.int64)
        ordered = keys[order]
        for offset in range(1, min(window, size - 1) + 1):
            same = np.flatnonzero(ordered[offset:] == ordered[:-offset])
            if not len(same):
                break
            left, right = order[same], order[same + offset]  # the sort is stable: left is the smaller
            comparisons += len(same)
            chosen = near(left, right)
            codes.append(left[chosen] * size + right[chosen])
        if size > window + 1:
            beyond = ordered[window + 1 :] == ordered[: -window - 1]
            cut += len(np.unique(ordered[window + 1 :][beyond]))
    pairs = np.unique(np.concatenate(codes))
    return NearPairs(pairs // max(size, 1), pairs % max(size, 1), comparisons, cut)


#: Beyond it blocks are so short that most things share one.
MAX_DISTANCE: Final = 8


def block_keys(hashes: Keys, *, max_distance: int) -> Iterator[Keys]:
    """Tables in one of which any two hashes agree that differ in at most ``max_distance`` bits.

    The 64 bits are cut into ``max_distance + 2`` blocks. Differing bits lie in at most
    ``max_distance`` of them, so two blocks are equal: there is a table for every two.

    Args:
        hashes: Hashes of 64 bits.
        max_distance: Largest number of bits in which two may differ, from 0 to 8.

    Raises:
        ValueError: If the distance is outside that range.

    References:
        Manku, Jain and Sarma, "Detecting Near-Duplicates for Web Crawling", WWW 2007.
    """
    if not 0 <= max_distance <= MAX_DISTANCE:
        raise ValueError(f"A distance of {max_distance} bits cannot be searched: use 0 to {MAX_DISTANCE}.")
    blocks = max_distance + 2
    edges = [_BITS * number // blocks for number in range(blocks + 1)]
    masks = [sum(1 << bit for bit in range(low, high)) for low, high in pairwise(edges)]
    for one, other in combinations(masks, 2):
        yield hashes & np.uint64(one | other)


def find_near_hashes(hashes: Keys, *, max_distance: int, window: int = 64) -> NearPairs:
    """Pairs of hashes that differ in at most ``max_distance`` bits; all of them where nothing is cut.

    Args:
        hashes: Hashes of 64 bits.
        max_distance: Largest number of bits in which two may differ, from 0 to 8.
        window: See :func:`find_pairs`.

    Examples:
        >>> found = find_near_hashes(np.array([0, 7, 1 << 60], dtype=np.uint64), max_distance=2)
        >>> found.left.tolist(), found.right.tolist()
        ([0], [2])
    """

    def near(left: Numbers, right: Numbers) -> NDArray[np.bool_]:
        differing = np.bitwise_count(hashes[left] ^ hashes[right])
        return np.asarray(differing <= max_distance, dtype=np.bool_)

    return find_pairs(block_keys(hashes, max_distance=max_distance), len(hashes), near=near, window=window)
