from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from affectkit.adapters.visualness import threshold_search


def reached(scores: Tensor, label: Tensor, threshold: float, metric: str) -> float:
    pairs: list[tuple[int, int]] = list(
        zip((scores.double() > threshold).long().tolist(), label.tolist(), strict=True)
    )
    if metric == "accuracy":
        return sum(one == other for one, other in pairs) / len(pairs)
    f1 = []
    for kind in (0, 1):
        hits = sum(one == other == kind for one, other in pairs)
        f1.append(2 * hits / sum((one == kind) + (other == kind) for one, other in pairs))
    return sum(f1) / 2


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy"])
@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1)), min_size=2, max_size=12).filter(
        lambda rows: {kind for _, kind in rows} == {0, 1}
    )
)
def test_nothing_else_reaches_more(metric: str, rows: list[tuple[int, int]]) -> None:
    scores = torch.tensor([score / 4 for score, _ in rows])
    label = torch.tensor([kind for _, kind in rows])
    found = threshold_search(scores, label, metric=metric)  # type: ignore[arg-type]
    assert reached(scores, label, found.threshold, metric) == pytest.approx(found.value, abs=1e-9)
    others = [reached(scores, label, place / 8 - 1 / 16, metric) for place in range(20)]
    assert max(others) == pytest.approx(found.value, abs=1e-9)


def test_rows_without_label_are_left_out_and_ties_take_the_lowest() -> None:
    found = threshold_search(torch.tensor([0.2, 0.9, 0.4, 0.6]), torch.tensor([0, -100, 1, 1]))
    assert found.threshold == pytest.approx(0.3) and found.value == 1.0
    tied = threshold_search(torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([1, 0, 1, 0]), metric="accuracy")
    assert tied.threshold == pytest.approx(-0.9) and tied.value == 0.5


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"2 rows of the classes \[1\]"):
        threshold_search(torch.zeros(2), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="1 scores NaN"):
        threshold_search(torch.tensor([0.0, torch.nan]), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="metric='auc'"):
        threshold_search(torch.zeros(2), torch.tensor([0, 1]), metric="auc")  # type: ignore[arg-type]
