"""Difficulty by counted shifts."""

from __future__ import annotations

from collections.abc import Sequence

from affectkit.functional.difficulty import emotional_shift


class HclDifficulty:
    r""":func:`affectkit.functional.emotional_shift`: the share of shifts within speakers.

    .. math:: d = \frac{N_\mathrm{shift} + N_\mathrm{speakers}}{N_\mathrm{utterances} + N_\mathrm{speakers}}

    Args:
        min_utterances: Shorter conversations get 0; 1 = as published.

    Raises:
        ValueError: If ``min_utterances`` is below 1.

    References:
        L. Yang, Y. Shen, Y. Mao, L. Cai. Hybrid Curriculum Learning for Emotion Recognition in
        Conversation. AAAI 2022. arXiv:2112.11718.

    Examples:
        >>> HclDifficulty()([0, 3, 4, 3], [0, 1, 0, 1])
        0.5
    """

    def __init__(self, *, min_utterances: int = 1) -> None:
        if min_utterances < 1:
            raise ValueError(f"HclDifficulty got min_utterances={min_utterances}: give at least 1.")
        self.min_utterances = min_utterances

    def __call__(self, labels: Sequence[int], speakers: Sequence[int]) -> float:
        """Difficulty of one conversation."""
        return emotional_shift(labels, speakers, min_utterances=self.min_utterances)
