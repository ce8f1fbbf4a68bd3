"""Samples drawn by their difficulty: chances, the first sample, and what a draw depends on."""

from __future__ import annotations

import pytest

from affectkit.curriculum import DrawnCurriculum, StoredDifficulty
from affectkit.types import Curriculum

HARD = [((7 * i) % 40) / 40 for i in range(40)]
ORDER = sorted(range(40), key=HARD.__getitem__)


def drawn(epoch: int, *, seed: int = 0, epochs: int = 4, hard: list[float] = HARD) -> list[int]:
    curriculum: Curriculum = DrawnCurriculum(StoredDifficulty(), epochs=epochs, seed=seed)
    return list(curriculum.positions(hard, epoch=epoch))


def test_chances_turn_from_the_easiest_to_the_hardest() -> None:
    curriculum = DrawnCurriculum(StoredDifficulty(), epochs=4)
    for epoch, (first, last) in enumerate([(1, 0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0, 1), (0, 1)]):
        chance = curriculum.probabilities(5, epoch=epoch)
        assert chance == pytest.approx([first + (last - first) * i / 4 for i in range(5)])
    assert curriculum.probabilities(1, epoch=0) == [1.0]


def test_draws_follow_the_chances() -> None:
    for epoch in range(5):
        chance = DrawnCurriculum(StoredDifficulty(), epochs=4).probabilities(40, epoch=epoch)
        times = [0] * 40
        for seed in range(400):
            for position in drawn(epoch, seed=seed):
                times[ORDER.index(position)] += 1
        # five standard deviations of 400 draws
        assert [count / 400 for count in times] == pytest.approx(chance, abs=0.125)


def test_the_first_sample_of_the_data_can_be_drawn() -> None:
    assert ORDER[0] == 0 and all(drawn(0, seed=seed)[0] == 0 for seed in range(20))


def test_a_draw_follows_from_seed_epoch_and_difficulty() -> None:
    one = drawn(1)
    assert one == drawn(1) and [ORDER.index(i) for i in one] == sorted(ORDER.index(i) for i in one)
    assert one != drawn(1, seed=1) and one != drawn(2)
    # Another difficulty of one sample moves the chance of the others a little, never their luck.
    moved = [*HARD[:13], 9.0, *HARD[14:]]
    assert len(set(one) ^ set(drawn(1, hard=moved))) <= 3


def test_never_nothing() -> None:
    assert drawn(4, hard=[0.5], epochs=4) == [0]
    # at the end the hardest is sure, at the beginning the easiest
    assert drawn(9, hard=[0.5, 0.1])[-1] == 0 and drawn(0, hard=[0.5, 0.1]) == [1]


def test_refuses_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="epochs=0"):
        DrawnCurriculum(StoredDifficulty(), epochs=0)
