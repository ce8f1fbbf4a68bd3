"""Difficulty by the mean share of shifts of the speakers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from affectkit.functional.shift_ratio import shift_ratio


class ShiftRatioDifficulty:
    r""":func:`affectkit.functional.shift_ratio` of one conversation, each speaker's first utterance a shift.

    .. math:: d = \frac1P \sum_p \frac{s_p}{n_p}

    over the speakers p, with :math:`s_p` of their :math:`n_p` labelled utterances being shifts.

    What :class:`~affectkit.curriculum.ErnetclWeighting` weighs by, to cut an order from.

    References:
        ERNetCL, official code (lijfrank-open/ERNetCL, currlearnloss.py).

    Examples:
        >>> round(ShiftRatioDifficulty()([0, 3, 4, 3], [0, 1, 0, 1]), 3)
        0.75
    """

    def __call__(self, labels: Sequence[int], speakers: Sequence[int]) -> float:
        """Difficulty of one conversation.

        Raises:
            ValueError: If the conversation is empty, or the lengths differ.
        """
        if len(labels) != len(speakers) or not labels:
            raise ValueError(
                f"a conversation's difficulty needs one speaker for each of at least one label, got "
                f"{len(labels)} labels and {len(speakers)} speakers: pass both without padding."
            )
        label, speaker = torch.tensor([list(labels)]), torch.tensor([list(speakers)])
        return float(shift_ratio(label, speaker, torch.ones_like(label, dtype=torch.bool)))
