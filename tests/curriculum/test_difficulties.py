"""Difficulty objects: the golden numbers through a label space's name, and from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonargparse import ArgumentParser

from affectkit.curriculum import (
    BabyStepCurriculum,
    HclDifficulty,
    PacedCurriculum,
    ShiftRatioDifficulty,
    WeightedShiftDifficulty,
)
from affectkit.labels import label_space
from affectkit.types import Curriculum, Difficulty

GOLDEN = Path(__file__).parents[1] / "golden" / "erc_curriculum_difficulty.npz"


@pytest.mark.golden
def test_wheel_and_label_space_give_the_reference() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: stored[name].tolist() for name in stored.files}
    parts: dict[str, Difficulty] = {
        "hcl": HclDifficulty(),
        "wes_same_speaker": WeightedShiftDifficulty(label_space="meld7.official", cross_speaker=False),
        "prc_emo": WeightedShiftDifficulty(label_space="meld7.official"),
    }
    for name, difficulty in parts.items():
        for row, length in enumerate(arrays["lengths"]):
            value = difficulty(arrays["labels"][row][:length], arrays["speakers"][row][:length])
            assert value == pytest.approx(arrays[f"difficulty_{name}"][row], abs=1e-12)


def test_another_label_order_gives_the_same_difficulty() -> None:
    # neutral, anger, neutral, joy in two orders of MELD's labels
    official = WeightedShiftDifficulty(label_space="meld7.official")([0, 6, 0, 4], [0, 1, 0, 1])
    wrong_order = WeightedShiftDifficulty(label_space="meld7.merbench")([0, 6, 0, 4], [0, 1, 0, 1])
    index = label_space("meld7.merbench").index
    mapped = [index(name) for name in ("neutral", "anger", "neutral", "joy")]
    right_order = WeightedShiftDifficulty(label_space="meld7.merbench")(mapped, [0, 1, 0, 1])
    assert right_order == pytest.approx(official, abs=1e-12)
    assert wrong_order != pytest.approx(official, abs=1e-6)


def test_minimum_length_reaches_the_functions() -> None:
    assert HclDifficulty(min_utterances=2)([1], [0]) == 0.0
    assert WeightedShiftDifficulty(min_utterances=2)([1], [0]) == 0.0
    for kind in (HclDifficulty, WeightedShiftDifficulty):
        with pytest.raises(ValueError, match="min_utterances=0"):
            kind(min_utterances=0)


def curriculum_from(settings: dict[str, Any]) -> Curriculum | None:
    parser = ArgumentParser()
    parser.add_argument("--curriculum", type=Curriculum | None)
    built: Curriculum | None = parser.instantiate_classes(
        parser.parse_object({"curriculum": settings})
    ).curriculum
    return built


# instantiate_classes is what the oldest supported jsonargparse has.
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_built_from_class_paths() -> None:
    weighted = {
        "class_path": "affectkit.curriculum.WeightedShiftDifficulty",
        "init_args": {"label_space": "iemocap6.erc", "k": 0.5, "cross_speaker": False},
    }
    baby = curriculum_from(
        {
            "class_path": "affectkit.curriculum.BabyStepCurriculum",
            "init_args": {"difficulty": weighted, "buckets": 3},
        }
    )
    assert isinstance(baby, BabyStepCurriculum) and isinstance(baby.difficulty, WeightedShiftDifficulty)
    assert (baby.buckets, baby.difficulty.k, len(baby.difficulty.similarity)) == (3, 0.5, 6)

    paced = curriculum_from(
        {
            "class_path": "affectkit.curriculum.PacedCurriculum",
            "init_args": {
                "difficulty": {"class_path": "affectkit.curriculum.HclDifficulty"},
                "pacing": {
                    "class_path": "affectkit.curriculum.CompetencePacing",
                    "init_args": {"power": 1.0},
                },
                "epochs": 4,
            },
        }
    )
    assert isinstance(paced, PacedCurriculum)
    assert len(paced.positions([0.1] * 10, epoch=0)) == 2


def test_shift_ratio_of_one_conversation() -> None:
    # Speaker 0 says 2, 2, 3: the first counts and one shift; speaker 1 says 4 and an unlabelled one.
    found = ShiftRatioDifficulty()([2, 4, 2, -100, 3], [0, 1, 0, 1, 0])
    assert found == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)
    with pytest.raises(ValueError, match="0 labels"):
        ShiftRatioDifficulty()([], [])
