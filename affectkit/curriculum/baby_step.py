"""Baby steps: one bucket more at every stage."""

from __future__ import annotations

from collections.abc import Sequence

from affectkit.curriculum.easiest_first import easiest_first
from affectkit.types import Difficulty, RecordDifficulty


class BabyStepCurriculum:
    r"""Sort by difficulty, cut into buckets, train on the first, the first two, ..., on all.

    .. math:: |S_e| = \left\lceil \frac{e N}{n} \right\rceil

    At stage e (from 1) of n the first ``ceil(N e / n)`` of N samples are open, so no stage is
    empty and the last holds everything, however few samples there are.

    Args:
        difficulty: How hard a sample is; the data module asks once for each.
        buckets: Number n of buckets. 5 and 12 (ICL: IEMOCAP, MELD), 12 (MultiDAG+CL) and 2
            (PRC-Emo) are published.
        epochs_per_stage: Epochs before the next bucket opens.

    Raises:
        ValueError: If a number is below 1.

    References:
        L. Yang, Y. Shen, Y. Mao, L. Cai. Hybrid Curriculum Learning for Emotion Recognition in
        Conversation. AAAI 2022. arXiv:2112.11718.

    Deviation from the paper:
        Public code cuts buckets of ``ceil(N / n)``, which can give fewer than n and then fail.

    Examples:
        >>> from affectkit.curriculum import HclDifficulty
        >>> curriculum = BabyStepCurriculum(HclDifficulty(), buckets=2)
        >>> [list(curriculum.positions([0.9, 0.1, 0.5], epoch=e)) for e in (0, 1)]
        [[1, 2], [1, 2, 0]]
    """

    def __init__(
        self, difficulty: Difficulty | RecordDifficulty, *, buckets: int = 5, epochs_per_stage: int = 1
    ) -> None:
        if buckets < 1 or epochs_per_stage < 1:
            raise ValueError(
                f"BabyStepCurriculum got buckets={buckets}, epochs_per_stage={epochs_per_stage}: "
                "give whole numbers >= 1."
            )
        self.difficulty = difficulty
        self.buckets = buckets
        self.epochs_per_stage = epochs_per_stage

    def positions(self, difficulty: Sequence[float], *, epoch: int) -> Sequence[int]:
        """Positions open in ``epoch`` (from 0), easiest first."""
        order = easiest_first(difficulty)
        stage = min(epoch // self.epochs_per_stage + 1, self.buckets)
        return order[: -(-len(order) * stage // self.buckets)]
