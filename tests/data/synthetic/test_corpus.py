from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from affectkit.data.synthetic import SAMPLE_RATE, SyntheticConversation, SyntheticCorpus


def same(one: SyntheticConversation, other: SyntheticConversation) -> bool:
    if (one.id, len(one.utterances)) != (other.id, len(other.utterances)):
        return False
    return all(
        a.text == b.text
        and (a.speaker, a.label, a.dims, a.start, a.end) == (b.speaker, b.label, b.dims, b.start, b.end)
        and a.image is not None
        and b.image is not None
        and np.array_equal(a.image, b.image)
        and a.waveform is not None
        and b.waveform is not None
        and np.array_equal(a.waveform, b.waveform)
        for a, b in zip(one.utterances, other.utterances, strict=True)
    )


def test_a_conversation_depends_on_seed_and_index_only() -> None:
    forwards = list(SyntheticCorpus(3, seed=4))
    corpus = SyntheticCorpus(3, seed=4)
    backwards = [corpus[2], corpus[1], corpus[0]][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert same(SyntheticCorpus(1, seed=4, first=2)[0], forwards[2])
    assert not same(SyntheticCorpus(1, seed=5)[0], forwards[0])


def test_utterances_are_well_formed() -> None:
    for conversation in SyntheticCorpus(4, seed=0, turns=(6, 9)):
        assert 6 <= len(conversation.utterances) <= 9
        clock = 0.0
        for number, utterance in enumerate(conversation.utterances):
            assert utterance.id == str(number)
            assert utterance.speaker in (0, 1) and 0 <= utterance.label < 7
            assert utterance.image is not None and utterance.image.shape == (48, 48, 3)
            assert utterance.waveform is not None
            assert 0.59 * SAMPLE_RATE < len(utterance.waveform) <= SAMPLE_RATE
            assert all(-1 <= value <= 1 for value in utterance.dims)
            assert utterance.text.endswith(".")
            assert clock <= utterance.start < utterance.end
            clock = utterance.end


def test_valence_and_arousal_follow_the_emotion() -> None:
    corpus = SyntheticCorpus(40, seed=2, image_size=8)
    by_label: dict[str, list[tuple[float, float]]] = {}
    for conversation in corpus:
        for utterance in conversation.utterances:
            by_label.setdefault(corpus.label_space.labels[utterance.label], []).append(utterance.dims)
    mean = {name: np.mean(values, axis=0) for name, values in by_label.items()}
    assert mean["joy"][0] > 0.4 and mean["sadness"][0] < -0.3
    assert mean["anger"][1] > 0.4 and mean["sadness"][1] < -0.2


def test_missing_faces_and_voices_are_none_at_the_asked_rate() -> None:
    utterances = [u for c in SyntheticCorpus(30, seed=0, missing=0.3, image_size=8) for u in c.utterances]
    assert np.mean([u.image is None for u in utterances]) == pytest.approx(0.3, abs=0.1)
    assert np.mean([u.waveform is None for u in utterances]) == pytest.approx(0.3, abs=0.1)


def test_missing_changes_nothing_else() -> None:
    whole, holed = SyntheticCorpus(1, seed=3)[0], SyntheticCorpus(1, seed=3, missing=0.5)[0]
    for a, b in zip(whole.utterances, holed.utterances, strict=True):
        assert a.text == b.text and a.label == b.label
        assert b.image is None or (a.image is not None and np.array_equal(a.image, b.image))


def test_positions_outside_are_refused() -> None:
    corpus = SyntheticCorpus(2)
    for position in (-1, 2):
        with pytest.raises(IndexError, match="num_conversations"):
            corpus[position]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"ambiguity": 1.0}, "ambiguity"),
        ({"unreliability": -0.1}, "unreliability"),
        ({"missing": 2.0}, "missing"),
        ({"image_size": 4}, "image_size"),
        ({"first": -1}, "first"),
    ],
)
def test_bad_settings_are_refused(bad: Mapping[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        SyntheticCorpus(1, **bad)  # type: ignore[arg-type]
