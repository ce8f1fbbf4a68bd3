"""Difficulty by shifts weighted with the similarity of emotions."""

from __future__ import annotations

from collections.abc import Sequence

from affectkit.functional.difficulty import weighted_emotional_shift
from affectkit.labels import LabelSpace, ValenceArousalWheel
from affectkit.labels import label_space as registered_space


class WeightedShiftDifficulty:
    r""":func:`affectkit.functional.weighted_emotional_shift` on the valence-arousal wheel.

    .. math:: d = \frac{\sum_{(i, j)} (k\, s_{ij} + b) + N_\mathrm{speakers}}
        {N_\mathrm{utterances} + N_\mathrm{speakers}}

    over the shifts from label i to label j, with :math:`s_{ij}` how alike the two are on the wheel.

    Args:
        label_space: The space the labels are in, or its registered name, e.g. ``"meld7.official"``; every
            label of it must have a place on the wheel. Data of another order are refused.
        k: Slope of the weight over similarity.
        b: Weight of a shift between emotions that have nothing in common.
        cross_speaker: True: PRC-Emo (shifts between speakers count too). False: same speaker
            only (LSDGNN+ICL).
        min_utterances: Shorter conversations get 0; 1 = as published.

    Raises:
        ValueError: If ``min_utterances`` is below 1, or the space or one of its labels is unknown.

    References:
        Do LLMs Feel? (PRC-Emo). AAAI 2026. arXiv:2511.07061.

    Examples:
        >>> difficulty = WeightedShiftDifficulty(label_space="meld7.official")
        >>> round(difficulty([0, 3, 4, 3], [0, 1, 0, 1]), 4)
        0.6476
    """

    def __init__(
        self,
        *,
        label_space: str | LabelSpace = "meld7.official",
        k: float = 1.0,
        b: float = 0.4,
        cross_speaker: bool = True,
        min_utterances: int = 1,
    ) -> None:
        if min_utterances < 1:
            raise ValueError(f"WeightedShiftDifficulty got min_utterances={min_utterances}: give at least 1.")
        self.label_space = label_space
        self.k = k
        self.b = b
        self.cross_speaker = cross_speaker
        self.min_utterances = min_utterances
        self.similarity = ValenceArousalWheel().similarity(
            registered_space(label_space) if isinstance(label_space, str) else label_space
        )

    def __call__(self, labels: Sequence[int], speakers: Sequence[int]) -> float:
        """Difficulty of one conversation."""
        return weighted_emotional_shift(
            labels,
            speakers,
            similarity=self.similarity,
            k=self.k,
            b=self.b,
            cross_speaker=self.cross_speaker,
            min_utterances=self.min_utterances,
        )
