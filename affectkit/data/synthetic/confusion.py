"""Which emotions look, sound or read alike: the deliberate ambiguity of each modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

#: For each modality, groups of emotions that it shows in much the same way. Any two modalities
#: together separate most pairs, no single one does: this is what makes fusion worth its while.
CONFUSIONS: Final[Mapping[str, Sequence[Sequence[str]]]] = MappingProxyType(
    {
        "visual": (("surprise", "fear"), ("anger", "disgust"), ("sadness", "neutral"), ("joy",)),
        "audio": (("surprise", "joy", "fear", "anger"), ("sadness", "neutral", "disgust")),
        "text": (("surprise", "joy"), ("fear", "sadness", "anger", "disgust"), ("neutral",)),
    }
)


def blend(
    emotion: str, modality: str, rng: np.random.Generator, *, intensity: float, ambiguity: float
) -> dict[str, float]:
    """How one modality shows an emotion: a mixture with one that it is confused with.

    .. math:: w_e = I (1 - \\lambda), \\quad w_p = I \\lambda, \\quad
              \\lambda \\sim \\mathrm{Beta}(3 a, 3 (1 - a))

    Args:
        emotion: What is felt.
        modality: ``"visual"``, ``"audio"`` or ``"text"``.
        rng: Source of the partner and of the share.
        intensity: Strength I in [0, 1].
        ambiguity: Mean share a of the partner, in [0, 1).

    Raises:
        ValueError: If the modality has no groups, or none of them holds the emotion.

    Examples:
        >>> blend("joy", "visual", np.random.default_rng(0), intensity=0.8, ambiguity=0.4)
        {'joy': 0.8}
    """
    group = next((g for g in CONFUSIONS.get(modality, ()) if emotion in g), None)
    if group is None:
        raise ValueError(
            f"blend: no confusions of {emotion!r} in the modality {modality!r}; "
            f"use one of {', '.join(CONFUSIONS)} and an emotion of the corpus."
        )
    partners = [other for other in group if other != emotion]
    if not partners or ambiguity <= 0:
        return {emotion: intensity}
    share = float(rng.beta(3 * ambiguity, 3 * (1 - ambiguity)))
    partner = partners[int(rng.integers(len(partners)))]
    return {emotion: intensity * (1 - share), partner: intensity * share}
