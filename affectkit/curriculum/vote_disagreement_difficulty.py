"""Difficulty by disagreement of annotators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from affectkit.functional.vote_disagreement import vote_disagreement


class VoteDisagreementDifficulty:
    r""":func:`affectkit.functional.vote_disagreement` of a single sample's votes.

    .. math:: d = -\frac{1}{\log C} \sum_c p_c \log p_c, \qquad p_c = \frac{v_c}{\sum_k v_k}

    What people do not agree on is hard: 0 where all chose one label, 1 where the votes are spread evenly
    over the labels of the run. Votes for labels that the run merges count together, those for labels
    that it drops do not count.

    Examples:
        >>> VoteDisagreementDifficulty().of_record({"id": "face", "label": None, "votes": [3.0, 3.0]})
        1.0
    """

    def of_record(self, record: Mapping[str, object]) -> float:
        """Difficulty of one sample.

        Raises:
            ValueError: If the record has no votes.
        """
        votes = cast("Sequence[float]", record.get("votes") or ())
        if not any(votes):
            raise ValueError(
                "has no votes to disagree: store votes for every sample, or give another difficulty"
            )
        return vote_disagreement(votes)
