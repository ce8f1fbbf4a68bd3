from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from affectkit.data.plan import sample_generator, sample_seed

whole = st.integers(0, 2**62)


@given(whole, whole, whole)
def test_seed_is_stable_and_fits_torch(seed: int, epoch: int, position: int) -> None:
    first = sample_seed(seed, epoch=epoch, position=position)
    assert first == sample_seed(seed, epoch=epoch, position=position)
    assert 0 <= first < 2**63
    torch.Generator().manual_seed(first)


def test_neighbours_get_unlike_seeds() -> None:
    places = [(s, e, p) for s in range(10) for e in range(10) for p in range(100)]
    assert len({sample_seed(s, epoch=e, position=p) for s, e, p in places}) == len(places)


def test_seed_is_pinned() -> None:
    """Another value would change the augmentation of every resumed run."""
    assert sample_seed(1, epoch=2, position=3) == 6520558355739401531


def test_generator_repeats() -> None:
    first = torch.rand(3, generator=sample_generator(0, epoch=1, position=2))
    assert torch.equal(first, torch.rand(3, generator=sample_generator(0, epoch=1, position=2)))
    assert not torch.equal(first, torch.rand(3, generator=sample_generator(0, epoch=2, position=2)))
