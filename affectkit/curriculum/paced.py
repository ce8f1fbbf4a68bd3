"""A curriculum whose open share follows a pacing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affectkit.curriculum.easiest_first import easiest_first
from affectkit.types import Difficulty, Pacing, RecordDifficulty


class PacedCurriculum:
    r"""Sort by difficulty and open the share that a pacing gives, at least one sample.

    .. math:: |S_t| = \max(1, \lceil c(t)\, N \rceil)

    Args:
        difficulty: How hard a sample is; the data module asks once for each.
        pacing: Share of the data at a place in training; see :class:`CompetencePacing`.
        epochs: Epochs over which the pacing runs from 0 to 1; later ones are at 1.

    Raises:
        ValueError: If ``epochs`` is below 1, or the pacing gives a share outside (0, 1].

    Examples:
        >>> from affectkit.curriculum import HclDifficulty
        >>> curriculum = PacedCurriculum(HclDifficulty(), lambda progress: 0.5 + progress / 2, epochs=2)
        >>> [list(curriculum.positions([0.9, 0.1], epoch=e)) for e in (0, 2)]
        [[1], [1, 0]]
    """

    def __init__(self, difficulty: Difficulty | RecordDifficulty, pacing: Pacing, *, epochs: int) -> None:
        if epochs < 1:
            raise ValueError(f"PacedCurriculum got epochs={epochs}: give at least 1.")
        self.difficulty = difficulty
        self.pacing = pacing
        self.epochs = epochs

    def positions(self, difficulty: Sequence[float], *, epoch: int) -> Sequence[int]:
        """Positions open in ``epoch`` (from 0), easiest first."""
        order = easiest_first(difficulty)
        share = self.pacing(min(1.0, epoch / self.epochs))
        if not 0.0 < share <= 1.0:
            raise ValueError(
                f"PacedCurriculum's pacing gave the share {share} at epoch {epoch}: it must lie in (0, 1]."
            )
        return order[: max(1, math.ceil(len(order) * share))]
