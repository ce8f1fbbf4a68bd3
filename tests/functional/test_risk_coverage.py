from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectkit.functional import area_under_risk_coverage, risk_coverage, selective_accuracy

ROWS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=25)


@given(ROWS)
def test_the_curve_is_what_answering_above_each_threshold_gives(rows: list[tuple[int, bool]]) -> None:
    confidence = torch.tensor([float(level) for level, _ in rows])
    correct = torch.tensor([right for _, right in rows])
    curve = risk_coverage(confidence, correct)
    assert curve.threshold.tolist() == sorted({float(level) for level, _ in rows}, reverse=True)
    area = 0.0
    for threshold, coverage, risk in zip(*(part.tolist() for part in curve[:3]), strict=True):
        answered = [right for level, right in rows if level >= threshold]
        assert coverage == pytest.approx(len(answered) / len(rows))
        assert risk == pytest.approx(answered.count(False) / len(answered))
        area += sum(level == threshold for level, _ in rows) * answered.count(False) / len(answered)
    assert area_under_risk_coverage(curve).item() == pytest.approx(area / len(rows))


@given(ROWS, st.permutations(range(25)))
def test_the_order_of_rows_does_not_matter(rows: list[tuple[int, bool]], order: list[int]) -> None:
    shuffled = [rows[place] for place in order if place < len(rows)]
    found = [
        risk_coverage(torch.tensor([float(level) for level, _ in some]), torch.tensor([r for _, r in some]))
        for some in (rows, shuffled)
    ]
    for mine, other in zip(*found, strict=True):
        assert torch.equal(mine, other)


def test_a_choice_among_equals_counts_as_the_mean_over_all_choices() -> None:
    # One of three rows of confidence 0.6 is answered too: two thirds of them are right.
    curve = risk_coverage(torch.tensor([0.9, 0.6, 0.6, 0.6]), torch.tensor([0, 1, 1, 0]))
    assert selective_accuracy(curve, 0.5).item() == pytest.approx((0 + 2 / 3) / 2)
    assert selective_accuracy(curve, 1.0).item() == pytest.approx(0.5)
    assert selective_accuracy(curve, 0.1).item() == 0


def test_without_rows() -> None:
    curve = risk_coverage(torch.zeros(0), torch.zeros(0))
    assert area_under_risk_coverage(curve) == 0
    assert selective_accuracy(curve, 0.5) == 0


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="give one of each per row"):
        risk_coverage(torch.zeros(2), torch.zeros(3))
    curve = risk_coverage(torch.zeros(2), torch.zeros(2))
    for coverage in (0.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="0 < coverage <= 1"):
            selective_accuracy(curve, coverage)
