"""Difficulties against the stored reference numbers and against a count by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.functional import emotional_shift, weighted_emotional_shift

GOLDEN = Path(__file__).parents[1] / "golden" / "erc_curriculum_difficulty.npz"
CONVERSATION = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12)
ALIKE = [[0.0, 0.2, 0.4, 0.1], [0.2, 0.0, 0.3, 0.9], [0.4, 0.3, 0.0, 0.5], [0.1, 0.9, 0.5, 0.0]]


@pytest.mark.golden
@pytest.mark.parametrize("kind", ["hcl", "wes_same_speaker", "prc_emo"])
def test_reproduces_reference(kind: str) -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        similarity: list[list[float]] = stored["similarity_meld7"].tolist()
        lengths: list[int] = stored["lengths"].tolist()
        labels: list[list[int]] = stored["labels"].tolist()
        speakers: list[list[int]] = stored["speakers"].tolist()
        expected: list[float] = stored[f"difficulty_{kind}"].tolist()
    for row, length in enumerate(lengths):
        said, who = labels[row][:length], speakers[row][:length]
        if kind == "hcl":
            value = emotional_shift(said, who)
        else:
            cross = kind == "prc_emo"
            value = weighted_emotional_shift(said, who, similarity=similarity, cross_speaker=cross)
        assert value == pytest.approx(expected[row], abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(CONVERSATION, st.booleans())
def test_equals_a_count_by_hand(conversation: list[tuple[int, int]], cross: bool) -> None:
    labels = [label for label, _ in conversation]
    speakers = [speaker for _, speaker in conversation]
    weight = 0.0
    for party in set(speakers):
        own = [label for label, speaker in conversation if speaker == party]
        weight += sum(2 * ALIKE[a][b] + 0.3 for a, b in itertools.pairwise(own) if a != b)
    if cross:
        for (a, p), (b, q) in itertools.pairwise(conversation):
            weight += 2 * ALIKE[a][b] + 0.3 if a != b and p != q else 0.0
    expected = (weight + len(set(speakers))) / (len(labels) + len(set(speakers)))
    value = weighted_emotional_shift(labels, speakers, similarity=ALIKE, k=2.0, b=0.3, cross_speaker=cross)
    assert value == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(CONVERSATION)
def test_plain_shifts_are_weighted_shifts_of_weight_one(conversation: list[tuple[int, int]]) -> None:
    labels, speakers = [c[0] for c in conversation], [c[1] for c in conversation]
    weighted = weighted_emotional_shift(labels, speakers, similarity=ALIKE, k=0.0, b=1.0, cross_speaker=False)
    assert emotional_shift(labels, speakers) == pytest.approx(weighted, abs=1e-12)


def test_an_unlabelled_utterance_counts_as_an_utterance_and_as_no_shift() -> None:
    # 0 -> (absent) -> 0 is no shift; four utterances and one speaker remain in the denominator.
    assert emotional_shift([0, -100, 0, 1], [0, 0, 0, 0]) == pytest.approx((1 + 1) / (4 + 1))
    cross = weighted_emotional_shift([0, -100, 1], [0, 1, 1], similarity=ALIKE, k=1.0, b=0.0)
    assert cross == pytest.approx((0.2 + 2) / (3 + 2))
    assert emotional_shift([-100, -100], [0, 1]) == pytest.approx(2 / 4)


def test_short_conversations_can_be_declared_easy() -> None:
    assert emotional_shift([3], [0]) == 0.5
    assert emotional_shift([3], [0], min_utterances=2) == 0.0
    assert emotional_shift([3, 3], [0, 0], min_utterances=2) == pytest.approx(1 / 3)
    assert weighted_emotional_shift([3], [0], similarity=ALIKE, min_utterances=2) == 0.0


def test_published_oddity_of_alternating_calm_speakers() -> None:
    labels, speakers = [0, 1, 0, 1], [0, 1, 0, 1]
    assert emotional_shift(labels, speakers) == pytest.approx(1 / 3)
    assert weighted_emotional_shift(labels, speakers, similarity=ALIKE) == pytest.approx((3 * 0.6 + 2) / 6)


@pytest.mark.parametrize(
    ("labels", "speakers", "message"),
    [([], [], "at least one label"), ([0, 1], [0], "one speaker for each"), ([0, -1], [0, 0], "label -1")],
)
def test_refuses_what_is_no_conversation(labels: list[int], speakers: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emotional_shift(labels, speakers)


def test_refuses_labels_of_another_space() -> None:
    with pytest.raises(ValueError, match="label 4 and similarities of 4 labels"):
        weighted_emotional_shift([0, 4], [0, 0], similarity=ALIKE)
