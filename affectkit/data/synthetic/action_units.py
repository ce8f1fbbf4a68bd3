"""Facial action units of the drawn faces, and the prototypes of seven emotions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Action units that :func:`~affectkit.data.synthetic.draw_face` can move, by FACS number.
ACTION_UNITS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "inner brow raiser",
        2: "outer brow raiser",
        4: "brow lowerer",
        5: "upper lid raiser",
        6: "cheek raiser",
        7: "lid tightener",
        9: "nose wrinkler",
        10: "upper lip raiser",
        12: "lip corner puller",
        15: "lip corner depressor",
        17: "chin raiser",
        20: "lip stretcher",
        23: "lip tightener",
        25: "lips part",
        26: "jaw drop",
    }
)

#: Action units of each emotion at full intensity, in the manner of the EMFACS prototypes.
EMOTION_ACTION_UNITS: Final[Mapping[str, Mapping[int, float]]] = MappingProxyType(
    {
        "neutral": {},
        "surprise": {1: 1.0, 2: 1.0, 5: 0.9, 25: 0.5, 26: 1.0},
        "fear": {1: 1.0, 2: 0.6, 4: 0.5, 5: 1.0, 7: 0.2, 20: 1.0, 25: 0.9, 26: 0.3},
        "sadness": {1: 1.0, 4: 0.4, 7: 0.3, 15: 1.0, 17: 0.7},
        "joy": {6: 1.0, 12: 1.0, 25: 0.8},
        "disgust": {4: 0.5, 7: 0.6, 9: 1.0, 10: 1.0, 15: 0.6, 17: 0.5, 25: 0.3},
        "anger": {4: 1.0, 5: 0.5, 7: 0.5, 17: 0.4, 23: 1.0},
    }
)


def action_units(weights: Mapping[str, float]) -> dict[int, float]:
    """Activation of every action unit for a blend of emotions.

    The activation is the weighted sum of the prototypes; weights below one in total are a
    weaker expression, since the rest is the resting face.

    Args:
        weights: Emotion name to weight in [0, 1].

    Raises:
        ValueError: If an emotion has no prototype.

    Examples:
        >>> action_units({"joy": 0.5})[12]
        0.5
    """
    blend = dict.fromkeys(ACTION_UNITS, 0.0)
    for emotion, weight in weights.items():
        prototype = EMOTION_ACTION_UNITS.get(emotion)
        if prototype is None:
            known = ", ".join(EMOTION_ACTION_UNITS)
            raise ValueError(f"action_units: no prototype for the emotion {emotion!r}; use one of {known}.")
        for unit, activation in prototype.items():
            blend[unit] += weight * activation
    return blend
