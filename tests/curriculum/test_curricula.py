"""Which samples an epoch draws from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.curriculum import BabyStepCurriculum, CompetencePacing, HclDifficulty, PacedCurriculum
from affectkit.curriculum.easiest_first import easiest_first
from affectkit.types import Curriculum, Difficulty, Pacing

DIFFICULTY = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75]), min_size=1, max_size=40)


def test_parts_satisfy_the_protocols() -> None:
    difficulty: Difficulty = HclDifficulty()
    pacing: Pacing = CompetencePacing()
    curricula: list[Curriculum] = [
        BabyStepCurriculum(difficulty),
        PacedCurriculum(difficulty, pacing, epochs=3),
    ]
    assert all(list(part.positions([0.2, 0.1], epoch=9)) == [1, 0] for part in curricula)


@settings(max_examples=60, deadline=None)
@given(DIFFICULTY, st.integers(1, 12), st.integers(1, 3))
def test_stages_grow_from_the_easiest_to_everything(
    difficulty: list[float], buckets: int, epochs_per_stage: int
) -> None:
    curriculum = BabyStepCurriculum(HclDifficulty(), buckets=buckets, epochs_per_stage=epochs_per_stage)
    order = sorted(range(len(difficulty)), key=lambda position: (difficulty[position], position))
    before: Sequence[int] = []
    for epoch in range(buckets * epochs_per_stage + 2):
        opened = list(curriculum.positions(difficulty, epoch=epoch))
        assert opened == order[: len(opened)] and len(opened) >= max(1, len(before))
        if epoch % epochs_per_stage:
            assert opened == before
        before = opened
    assert before == order


def test_buckets_are_of_equal_size() -> None:
    curriculum = BabyStepCurriculum(HclDifficulty(), buckets=4, epochs_per_stage=2)
    sizes = [len(curriculum.positions([0.1] * 10, epoch=epoch)) for epoch in range(9)]
    assert sizes == [3, 3, 5, 5, 8, 8, 10, 10, 10]


def test_paced_share_is_rounded_up_and_never_empty() -> None:
    curriculum = PacedCurriculum(
        HclDifficulty(), CompetencePacing(start=0.01, full_at=1.0, power=1.0), epochs=2
    )
    sizes = [len(curriculum.positions([0.5] * 10, epoch=epoch)) for epoch in range(4)]
    assert sizes == [1, 6, 10, 10]


def test_ties_keep_the_order_of_positions() -> None:
    assert easiest_first([0.5, 0.1, 0.5, 0.1]) == [1, 3, 0, 2]


@pytest.mark.parametrize(
    ("difficulty", "message"), [([], "no samples"), ([0.1, float("nan")], "NaN as difficulty of sample 1")]
)
def test_refuses_what_has_no_order(difficulty: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BabyStepCurriculum(HclDifficulty()).positions(difficulty, epoch=0)


def test_refuses_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="buckets=0"):
        BabyStepCurriculum(HclDifficulty(), buckets=0)
    with pytest.raises(ValueError, match="epochs=0"):
        PacedCurriculum(HclDifficulty(), CompetencePacing(), epochs=0)
    with pytest.raises(ValueError, match=r"share 0\.0 at epoch 1"):
        PacedCurriculum(HclDifficulty(), lambda progress: 0.0, epochs=2).positions([0.1], epoch=1)
    with pytest.raises(ValueError, match="start=0"):
        CompetencePacing(start=0.0)
