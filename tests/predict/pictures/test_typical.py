"""The ranking is that of a full sort, over any number of batches."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.predict import PredictError, Prediction, most_typical


def row(position: int, joy: float, logit: float = 0.0, error: str | None = None) -> Prediction:
    chances = {} if error else {"joy": joy, "fear": 1 - joy}
    logits = () if error else (logit, 0.0)
    return Prediction(position, f"{position}.png", "whole frame", None, chances, logits, {}, error)


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([-1.0, 2.0]), st.booleans())),
    st.integers(1, 12),
    st.sampled_from(["probability", "logit"]),
)
def test_as_a_stable_sort_would(
    scores: list[tuple[float, float, bool]], count: int, by: Literal["probability", "logit"]
) -> None:
    rows = [row(i, joy, logit, "bad" if bad else None) for i, (joy, logit, bad) in enumerate(scores)]
    sound = [each for each in rows if each.error is None]
    if by == "logit":
        expected = sorted(sound, key=lambda each: each.logits[0], reverse=True)[:count]
    else:
        expected = sorted(sound, key=lambda each: each.probabilities["joy"], reverse=True)[:count]
    assert most_typical(iter(rows), "joy", count=count, by=by) == expected


def test_unknown_classes_and_counts() -> None:
    with pytest.raises(PredictError, match="no class 'rage': choose one of joy, fear"):
        most_typical([row(0, 0.5)], "rage")
    with pytest.raises(PredictError, match="give at least 1"):
        most_typical([row(0, 0.5)], "joy", count=0)
