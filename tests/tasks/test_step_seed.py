from __future__ import annotations

import itertools

import torch

from affectkit.tasks.step_seed import seed_step, step_seed


def test_places_have_seeds_of_their_own_and_always_the_same() -> None:
    places = list(itertools.product((-1, 0, 1), range(3), range(3), range(3)))
    seeds = [step_seed(seed, epoch=epoch, batch=batch, rank=rank) for seed, epoch, batch, rank in places]
    assert len(set(seeds)) == len(places)
    # Written down: a run that is resumed by another version must go on with the same numbers.
    assert step_seed(7, epoch=1, batch=2, rank=3) == STORED


def test_dropout_repeats() -> None:
    masks = []
    for _ in range(2):
        seed_step(3, epoch=1, batch=5, rank=0)
        masks.append(torch.nn.functional.dropout(torch.ones(50)))
    assert torch.equal(masks[0], masks[1])


STORED = 8772322306750200074
