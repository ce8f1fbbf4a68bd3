"""Entropy of votes against a loop and scipy-free arithmetic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.functional import vote_disagreement

VOTES = st.lists(st.integers(0, 12), min_size=2, max_size=8).filter(any)


@given(VOTES)
def test_it_equals_the_entropy_of_drawn_pairs(votes: list[int]) -> None:
    # Naive: one entry for each vote, and the mean surprise of a vote in units of an even choice.
    ballots = [place for place, count in enumerate(votes) for _ in range(count)]
    surprises = [math.log(len(ballots) / ballots.count(ballot), len(votes)) for ballot in ballots]
    assert vote_disagreement(votes) == pytest.approx(sum(surprises) / len(ballots), abs=1e-12)


@given(VOTES, st.floats(1e-3, 1e3))
def test_only_shares_count_and_the_range_is_from_agreement_to_an_even_spread(
    votes: list[int], scale: float
) -> None:
    found = vote_disagreement(votes)
    assert 0.0 <= found <= 1.0 + 1e-12 and math.copysign(1, found) == 1
    assert vote_disagreement([scale * vote for vote in votes]) == pytest.approx(found, abs=1e-9)
    assert vote_disagreement(votes[::-1]) == pytest.approx(found, abs=1e-12)
    assert (found == 0) == (sum(vote > 0 for vote in votes) == 1)


def test_ends() -> None:
    assert vote_disagreement([0, 7, 0]) == 0.0
    assert vote_disagreement([2, 2, 2]) == pytest.approx(1.0, abs=1e-15)
    assert vote_disagreement([1e308, 1e308]) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("votes", [[], [1.0], [0, 0], [1, -1], [1, math.nan], [1, math.inf]])
def test_refuses_what_has_no_entropy(votes: list[float]) -> None:
    with pytest.raises(ValueError, match="at least two classes, and one vote at least"):
        vote_disagreement(votes)
