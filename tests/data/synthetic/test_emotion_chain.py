from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from affectkit.data.synthetic import BASE_RATES, emotion_chain
from affectkit.labels import label_space


def stays(inertia: float, contagion: float) -> tuple[float, float]:
    """Shares of turns with the speaker's own last emotion, and with the other's last one."""
    turns = emotion_chain(20_000, np.random.default_rng(1), inertia=inertia, contagion=contagion)
    last: dict[int, str] = {}
    own, other, count = 0, 0, 0
    for speaker, emotion in turns:
        if len(last) == 2:
            count += 1
            own += emotion == last[speaker]
            other += emotion == last[1 - speaker]
        last[speaker] = emotion
    return own / count, other / count


def test_rates_cover_the_label_space_and_sum_to_one() -> None:
    assert set(BASE_RATES) == set(label_space("meld7.official"))
    assert sum(BASE_RATES.values()) == pytest.approx(1.0)


def test_without_inertia_and_contagion_turns_are_independent() -> None:
    chance = sum(rate**2 for rate in BASE_RATES.values())
    own, other = stays(0.0, 0.0)
    assert own == pytest.approx(chance, abs=0.02)
    assert other == pytest.approx(chance, abs=0.02)


def test_inertia_keeps_the_own_emotion() -> None:
    chance = sum(rate**2 for rate in BASE_RATES.values())
    own, other = stays(0.6, 0.0)
    assert own == pytest.approx(0.6 + 0.4 * chance, abs=0.02)
    assert other == pytest.approx(chance, abs=0.03)


def test_contagion_takes_the_others_emotion() -> None:
    chance = sum(rate**2 for rate in BASE_RATES.values())
    _, other = stays(0.0, 0.5)
    assert other == pytest.approx(0.5 + 0.5 * chance, abs=0.02)


def test_speakers_take_turns() -> None:
    turns = emotion_chain(5_000, np.random.default_rng(0), switch=0.85)
    switched = np.mean([a.speaker != b.speaker for a, b in pairwise(turns)])
    assert switched == pytest.approx(0.85, abs=0.02)


def test_the_rates_of_new_emotions_are_the_base_rates() -> None:
    turns = emotion_chain(20_000, np.random.default_rng(0), inertia=0.0, contagion=0.0)
    for emotion, rate in BASE_RATES.items():
        assert np.mean([turn.emotion == emotion for turn in turns]) == pytest.approx(rate, abs=0.01)


@pytest.mark.parametrize(("inertia", "contagion"), [(0.7, 0.4), (-0.1, 0.2)])
def test_impossible_probabilities_are_refused(inertia: float, contagion: float) -> None:
    with pytest.raises(ValueError, match="lower one of them"):
        emotion_chain(3, np.random.default_rng(0), inertia=inertia, contagion=contagion)
