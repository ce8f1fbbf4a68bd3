from __future__ import annotations

import numpy as np
import pytest

from affectkit.data.synthetic import sentence
from affectkit.labels import label_space


def many(emotion: str, *, named: float = 0.35, silent: float = 0.0, sarcasm: float = 0.15) -> list[str]:
    rng = np.random.default_rng(0)
    return [sentence(emotion, rng, named=named, silent=silent, sarcasm=sarcasm) for _ in range(300)]


def share(sentences: list[str], words: tuple[str, ...]) -> float:
    return float(np.mean([any(word in text for word in words) for text in sentences]))


GOOD = ("wonderful", "great", "something", "fantastic", "oh nice")
BAD = ("terrible", "awful", "can not stand", "badly", "oh no")


def test_words_of_valence_follow_the_emotion() -> None:
    assert share(many("joy", named=0.0), GOOD) == 1.0
    assert share(many("surprise", named=0.0), GOOD) == 1.0
    for emotion in ("fear", "sadness"):
        assert share(many(emotion, named=0.0), BAD) == 1.0
    assert share(many("neutral"), GOOD + BAD) == 0.0


def test_sarcasm_praises_in_anger_and_disgust_only() -> None:
    assert share(many("anger", named=0.0, sarcasm=0.5), GOOD) == pytest.approx(0.5, abs=0.08)
    assert share(many("disgust", named=0.0, sarcasm=0.0), GOOD) == 0.0
    assert share(many("fear", named=0.0, sarcasm=1.0), GOOD) == 0.0


def test_silent_words_say_nothing() -> None:
    assert set(many("anger", silent=1.0)) & set(many("neutral"))
    assert share(many("anger", silent=1.0), (*GOOD, *BAD, "furious")) == 0.0


def test_named_feelings_are_told_apart() -> None:
    spoken = {
        e: set(many(e, named=1.0, sarcasm=0.0)) for e in label_space("meld7.official") if e != "neutral"
    }
    for emotion, texts in spoken.items():
        for other, others in spoken.items():
            assert emotion == other or not texts & others


def test_an_unknown_emotion_is_refused() -> None:
    with pytest.raises(ValueError, match="'envy'"):
        sentence("envy", np.random.default_rng(0))
