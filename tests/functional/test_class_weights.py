from __future__ import annotations

import pytest
import torch

from affectkit.functional import class_weights
from affectkit.functional.class_weights import ClassWeightScheme

COUNTS = [4710, 1205, 268, 683, 1743, 271, 1109]


def test_balanced_is_the_usual_formula() -> None:
    expected = [sum(COUNTS) / (len(COUNTS) * count) for count in COUNTS]
    torch.testing.assert_close(class_weights(COUNTS), torch.tensor(expected))


@pytest.mark.parametrize("scheme", ["balanced", "sqrt", "none"])
def test_the_mean_weight_over_rows_is_one_also_with_an_absent_class(scheme: ClassWeightScheme) -> None:
    counts = torch.tensor([5, 0, 20, 75])
    weights = class_weights(counts, scheme)
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1.0)
    assert float(weights[1]) == 1.0


def test_sqrt_is_between() -> None:
    weights = class_weights([1, 100], "sqrt")
    assert float(weights[0] / weights[1]) == pytest.approx(10.0)
    assert class_weights([1, 100], "none").tolist() == [1.0, 1.0]


def test_no_rows_at_all_gives_ones() -> None:
    assert class_weights([0, 0]).tolist() == [1.0, 1.0]


def test_bad_counts_and_schemes_are_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        class_weights([1, -1])
    with pytest.raises(ValueError, match="'inverse'"):
        class_weights([1, 1], "inverse")  # type: ignore[arg-type]
