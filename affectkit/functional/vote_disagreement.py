"""How much the annotators of one sample disagree."""

from __future__ import annotations

import math
from collections.abc import Sequence


def vote_disagreement(votes: Sequence[float]) -> float:
    r"""Entropy of the votes, as a share of the largest that so many classes allow.

    .. math:: d = -\frac{1}{\log C} \sum_c p_c \log p_c, \qquad p_c = \frac{v_c}{\sum_k v_k}

    0 where all chose one class, 1 where every class got equally many votes.

    Args:
        votes: Votes :math:`v` of each of C classes, or their shares.

    Raises:
        ValueError: If there are fewer than two classes, a number is negative or not finite, or there is
            no vote.

    Examples:
        >>> vote_disagreement([5, 0]), round(vote_disagreement([2, 2, 0, 0]), 6)
        (0.0, 0.5)
    """
    if len(votes) < 2 or any(not 0 <= vote < math.inf for vote in votes) or not any(votes):
        raise ValueError(
            f"vote_disagreement got the votes {list(votes)}: give a number of 0 or more for each of at least "
            "two classes, and one vote at least."
        )
    # Relative to the largest first, so that the sum of huge numbers stays finite.
    scaled = [vote / max(votes) for vote in votes]
    total = math.fsum(scaled)
    shares = [value / total for value in scaled]
    # max: log(1 + tiny) may be a rounded negative, and -0.0 is no difficulty.
    entropy = -math.fsum(share * math.log(share) for share in shares if share > 0)
    return max(0.0, entropy / math.log(len(votes)))
