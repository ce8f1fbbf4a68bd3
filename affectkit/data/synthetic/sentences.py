"""Templated sentences: some name the feeling, some only its valence, some nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

_OPENERS: Final = ("", "", "", "well, ", "listen, ", "so, ", "you know, ", "look, ", "okay, ")
_NOUNS: Final = (
    "train", "letter", "dinner", "meeting", "garden", "phone", "concert", "exam", "flat", "car", "film",
    "parcel", "ticket", "kitchen", "boss", "neighbour", "dog", "plan", "weekend", "lecture",
)  # fmt: skip
_DAYS: Final = ("today", "tomorrow", "on monday", "on friday", "this week", "at noon", "tonight", "again")

_NAMED: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "surprise": (
            "i did not expect the {noun}",
            "wait, the {noun} is here {day}",
            "no way, is that the {noun}",
            "the {noun}, out of nowhere",
        ),
        "fear": (
            "i am scared of the {noun}",
            "what if the {noun} goes wrong {day}",
            "please stay, i worry about the {noun}",
            "i hardly dare to think of the {noun}",
        ),
        "sadness": (
            "i miss the {noun} so much",
            "i could cry about the {noun}",
            "without the {noun} i feel alone {day}",
            "i lost the {noun} and it hurts",
        ),
        "joy": (
            "i am so happy about the {noun}",
            "we celebrate the {noun} {day}",
            "i love the {noun}",
            "the {noun} made my day",
        ),
        "disgust": (
            "the {noun} smells rotten",
            "the {noun} makes me sick",
            "i will not touch the {noun}, it is filthy",
            "take that dirty {noun} away",
        ),
        "anger": (
            "i am furious about the {noun}",
            "how dare you take the {noun}",
            "stop it with the {noun} {day}",
            "i have had enough of the {noun}",
        ),
    }
)  # fmt: skip
_GOOD: Final = (
    "the {noun} is wonderful {day}",
    "what a great {noun}",
    "that {noun} is really something {day}",
    "the {noun} turned out fantastic",
    "oh nice, the {noun} {day}",
)
_BAD: Final = (
    "the {noun} is terrible {day}",
    "what an awful {noun}",
    "i can not stand this {noun} {day}",
    "the {noun} turned out badly",
    "oh no, the {noun} {day}",
)
_NOTHING: Final = (
    "the {noun} is {day}",
    "i will see about the {noun} {day}",
    "did you bring the {noun}",
    "the {noun} is over there",
    "we talk about the {noun} {day}",
)

#: Emotions whose unspecific sentences are positive; the others', neutral apart, are negative.
_PLEASANT: Final = frozenset({"joy", "surprise"})


def sentence(
    emotion: str, rng: np.random.Generator, *, named: float = 0.35, silent: float = 0.0, sarcasm: float = 0.15
) -> str:
    """Make up one sentence.

    Args:
        emotion: The feeling that the words may show.
        rng: Source of the choice.
        named: Probability that the words name the feeling and not only its valence.
        silent: Probability that the words show nothing at all.
        sarcasm: Probability that anger or disgust is put into words of praise.

    Raises:
        ValueError: If there are no sentences for the emotion.

    Examples:
        >>> sentence("sadness", np.random.default_rng(0), silent=1.0).endswith(".")
        True
    """
    if emotion != "neutral" and emotion not in _NAMED:
        known = ", ".join(("neutral", *_NAMED))
        raise ValueError(f"sentence: no words for the emotion {emotion!r}; use one of {known}.")
    kind, hidden = rng.random(2)
    if emotion == "neutral" or hidden < silent:
        choice: Sequence[str] = _NOTHING
    elif emotion in ("anger", "disgust") and kind < sarcasm:
        choice = _GOOD
    elif kind > 1.0 - named:
        choice = _NAMED[emotion]
    else:
        choice = _GOOD if emotion in _PLEASANT else _BAD
    opener, template, noun, day = (
        options[int(rng.integers(len(options)))] for options in (_OPENERS, choice, _NOUNS, _DAYS)
    )
    return f"{opener}{template.format(noun=noun, day=day)}."
