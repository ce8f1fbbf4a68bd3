"""The search by sorted keys against comparing all with all."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.report.audit.near_pairs import NearPairs, Numbers, find_near_hashes, find_pairs

WORD = st.integers(min_value=0, max_value=2**64 - 1)


def pairs_of(found: NearPairs) -> set[tuple[int, int]]:
    return set(zip(found.left.tolist(), found.right.tolist(), strict=True))


def brute_force(hashes: list[int], distance: int) -> set[tuple[int, int]]:
    return {
        (i, j)
        for i, j in combinations(range(len(hashes)), 2)
        if (hashes[i] ^ hashes[j]).bit_count() <= distance
    }


@settings(max_examples=60, deadline=None)
@given(
    st.lists(WORD, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=9)), max_size=12),
    st.integers(0, 8),
)
def test_every_pair_within_the_distance_is_found_and_no_other(
    words: list[int], flips: list[tuple[int, set[int]]], distance: int
) -> None:
    hashes = list(words)
    for origin, bits in flips:
        if words:
            hashes.append(words[origin % len(words)] ^ sum(1 << bit for bit in bits))
    found = find_near_hashes(np.array(hashes, dtype=np.uint64), max_distance=distance)
    assert pairs_of(found) == brute_force(hashes, distance)
    assert found.cut == 0


def test_far_fewer_pairs_are_compared_than_there_are() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64)
    hashes[10_000] = hashes[3] ^ np.uint64(0b1011)
    found = find_near_hashes(hashes, max_distance=4)
    assert pairs_of(found) == {(3, 10_000)}
    all_pairs = 20_000 * 19_999 // 2
    assert found.comparisons < all_pairs / 5_000


def test_the_work_on_equal_keys_is_bounded_and_said_to_be() -> None:
    def everything(left: Numbers, right: Numbers) -> np.ndarray:
        return np.ones(len(left), dtype=np.bool_)

    size, window = 500, 8
    found = find_pairs([np.zeros(size, dtype=np.uint64)], size, near=everything, window=window)
    assert found.comparisons == sum(size - offset for offset in range(1, window + 1))
    assert found.cut == 1
    assert find_pairs([np.zeros(9, dtype=np.uint64)], 9, near=everything, window=window).cut == 0


@pytest.mark.parametrize("size", [0, 1])
def test_nothing_to_compare(size: int) -> None:
    assert pairs_of(find_near_hashes(np.zeros(size, dtype=np.uint64), max_distance=3)) == set()


def test_a_distance_that_cannot_be_searched_is_refused() -> None:
    with pytest.raises(ValueError, match="use 0 to 8"):
        find_near_hashes(np.zeros(2, dtype=np.uint64), max_distance=9)
