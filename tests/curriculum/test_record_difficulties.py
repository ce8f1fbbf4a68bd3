"""Difficulties of single samples, from their records."""

from __future__ import annotations

import pytest

from affectkit.curriculum import (
    BabyStepCurriculum,
    CompetencePacing,
    HclDifficulty,
    PacedCurriculum,
    StoredDifficulty,
    VoteDisagreementDifficulty,
)
from affectkit.functional import vote_disagreement
from affectkit.types import Curriculum, RecordDifficulty


def test_they_satisfy_the_protocol_and_curricula_take_them() -> None:
    rules: list[RecordDifficulty] = [VoteDisagreementDifficulty(), StoredDifficulty()]
    assert all(isinstance(rule, RecordDifficulty) for rule in rules)
    assert not isinstance(HclDifficulty(), RecordDifficulty)
    for rule in rules:
        curricula: list[Curriculum] = [
            BabyStepCurriculum(rule),
            PacedCurriculum(rule, CompetencePacing(), epochs=3),
        ]
        assert [list(part.positions([0.2, 0.1], epoch=9)) for part in curricula] == [[1, 0], [1, 0]]


def test_votes_are_measured_and_needed() -> None:
    rule = VoteDisagreementDifficulty()
    assert rule.of_record({"votes": [3.0, 1.0, 0.0]}) == vote_disagreement([3, 1, 0])
    for record in ({}, {"votes": [0.0, 0.0]}):
        with pytest.raises(ValueError, match="has no votes to disagree: store votes for every sample"):
            rule.of_record(record)


def test_a_stored_number_is_read_and_needed() -> None:
    assert StoredDifficulty().of_record({"difficulty": 3}) == 3.0
    with pytest.raises(ValueError, match="no stored difficulty: write one with `affectkit shards"):
        StoredDifficulty().of_record({"id": "a"})
