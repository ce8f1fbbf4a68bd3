from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectkit.data.decode import random_offsets, segment_indices

GOLDEN = Path(__file__).parents[2] / "golden" / "clipcaer_segment_indices.npz"


@pytest.mark.golden
def test_indices_are_those_of_the_reference() -> None:
    draw = np.random.RandomState(0)  # the reference draws from NumPy's legacy generator, in this order
    with np.load(GOLDEN, allow_pickle=False) as stored:
        for frames in (3, 16, 17, 40, 100):
            assert segment_indices(frames, 16) == stored[f"test_{frames}"].tolist()
            offsets = draw.randint(frames // 16, size=16).tolist() if frames >= 16 else None
            assert segment_indices(frames, 16, offsets=offsets) == stored[f"train_{frames}"].tolist()


@given(st.integers(1, 10_000), st.integers(1, 64), st.integers(0, 2**31))
def test_indices_ascend_within_the_clip_one_in_each_segment(frames: int, segments: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    offsets = random_offsets(frames, segments, generator=generator)
    for indices in (segment_indices(frames, segments), segment_indices(frames, segments, offsets=offsets)):
        assert len(indices) == segments and indices == sorted(indices)
        assert indices[0] >= 0 and indices[-1] < frames
        if frames >= segments:
            assert len(set(indices)) == segments
        else:
            assert set(indices) == set(range(frames))


def test_every_place_of_a_segment_is_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = {o for _ in range(50) for o in random_offsets(40, 8, generator=generator)}
    assert seen == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("arguments", [(0, 4), (4, 0)])
def test_nothing_to_sample_is_an_error(arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        segment_indices(*arguments)


@pytest.mark.parametrize("offsets", [[0, 0], [0, 0, 0, 2], [-1, 0, 0, 0]])
def test_offsets_outside_their_segment_are_an_error(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        segment_indices(8, 4, offsets=offsets)


def test_the_page_shows_what_comes_out() -> None:
    page = Path(__file__).parents[3] / "docs" / "decoding.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
