"""A curriculum that draws each sample with a probability of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from affectkit.curriculum.easiest_first import easiest_first
from affectkit.types import Difficulty, RecordDifficulty

# Part of the seed, so that this stream of random numbers equals none of those of an epoch plan.
_DRAW: Final = 7


class DrawnCurriculum:
    r"""Draw sample i of N, sorted by difficulty, with :math:`p_i = s + (e - s)\, i / (N - 1)`.

    With progress t = epoch / epochs, :math:`s = 1 - t` and :math:`e = t`: at first the easiest samples are
    surely in and the hardest surely out, halfway everything with probability 1/2, at last the other way
    round. What an epoch draws follows from seed, epoch and difficulties alone, so it is the same on every
    rank and after a resume; a sample's luck does not depend on the others'.

    Args:
        difficulty: How hard a sample is; :class:`CentreDistanceDifficulty` is that of SPCL, and any
            other fits as well.
        epochs: Epochs over which t goes from 0 to 1; later ones draw as at 1.
        seed: Seed of the draws.

    Raises:
        ValueError: If ``epochs`` is below 1 or ``seed`` is negative.

    References:
        SPCL, official code (caskcsg/SPCL).

    Deviation from the paper:
        The official code can never draw the first sample of the data, whose index 0 means "not drawn"
        there. An epoch keeps its number of batches and goes through what was drawn again and again.

    Examples:
        >>> from affectkit.curriculum import StoredDifficulty
        >>> curriculum = DrawnCurriculum(StoredDifficulty(), epochs=2)
        >>> hard = [0.9, 0.1, 0.5, 0.3]
        >>> curriculum.probabilities(4, epoch=0), curriculum.positions(hard, epoch=2)[-1]
        ([1.0, 0.6666666666666667, 0.33333333333333337, 0.0], 0)
    """

    def __init__(self, difficulty: Difficulty | RecordDifficulty, *, epochs: int, seed: int = 0) -> None:
        if epochs < 1 or seed < 0:
            raise ValueError(
                f"DrawnCurriculum got epochs={epochs}, seed={seed}: give at least 1 epoch and a seed that is "
                "not negative."
            )
        self.difficulty = difficulty
        self.epochs = epochs
        self.seed = seed

    def probabilities(self, samples: int, *, epoch: int) -> list[float]:
        """Probability of each of ``samples`` in ``epoch`` (from 0), easiest first."""
        progress = min(1.0, epoch / self.epochs)
        start, end = 1.0 - progress, progress
        return [start + (end - start) * (place / max(1, samples - 1)) for place in range(samples)]

    def positions(self, difficulty: Sequence[float], *, epoch: int) -> Sequence[int]:
        """Positions drawn in ``epoch`` (from 0), easiest first; where none was, the likeliest."""
        order = easiest_first(difficulty)
        chance = self.probabilities(len(order), epoch=epoch)
        luck = np.random.default_rng([self.seed, epoch, _DRAW]).random(len(order))
        drawn = [position for position, share in zip(order, chance, strict=True) if luck[position] < share]
        return drawn or [order[chance.index(max(chance))]]
