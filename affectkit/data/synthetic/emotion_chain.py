"""How feelings move through a conversation: inertia of each speaker, contagion between them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

#: How often an emotion is newly chosen; about as uneven as acted everyday talk.
BASE_RATES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "neutral": 0.24,
        "surprise": 0.13,
        "fear": 0.10,
        "sadness": 0.13,
        "joy": 0.18,
        "disgust": 0.09,
        "anger": 0.13,
    }
)


class Turn(NamedTuple):
    """Who speaks and what they feel."""

    speaker: int
    emotion: str


def emotion_chain(
    num_turns: int,
    rng: np.random.Generator,
    *,
    inertia: float = 0.45,
    contagion: float = 0.15,
    switch: float = 0.85,
) -> list[Turn]:
    """Draw the turns of two speakers.

    A speaker keeps the own last emotion with probability ``inertia``, takes the other's last one
    with probability ``contagion``, and draws a new one from :data:`BASE_RATES` otherwise.

    Args:
        num_turns: Length U.
        rng: Source of all choices.
        inertia: Probability of staying.
        contagion: Probability of catching the other's emotion.
        switch: Probability that the other speaker is next.

    Raises:
        ValueError: If ``inertia + contagion`` is above 1 or a probability is negative.

    Examples:
        >>> {turn.speaker for turn in emotion_chain(20, np.random.default_rng(0))}
        {0, 1}
    """
    if min(inertia, contagion) < 0 or inertia + contagion > 1:
        raise ValueError(
            f"emotion_chain: inertia={inertia} and contagion={contagion} are probabilities that must not be "
            "negative and not exceed 1 together; lower one of them."
        )
    names = list(BASE_RATES)
    rates = np.array(list(BASE_RATES.values()))
    edges = np.cumsum(rates / rates.sum())
    last: dict[int, str] = {}
    speaker = int(rng.integers(2))
    turns: list[Turn] = []
    for number in range(num_turns):
        change, move, draw = rng.random(3)
        if number > 0 and change < switch:
            speaker = 1 - speaker
        new = names[min(int(np.searchsorted(edges, draw, side="right")), len(names) - 1)]
        if move < inertia:
            emotion = last.get(speaker, new)
        elif move < inertia + contagion:
            emotion = last.get(1 - speaker, new)
        else:
            emotion = new
        last[speaker] = emotion
        turns.append(Turn(speaker, emotion))
    return turns
