from __future__ import annotations

import pytest
import torch
from sklearn.metrics import f1_score as reference
from torch import Tensor

from affectkit.functional import class_f1, confusion_counts, f1_score
from affectkit.functional.f1 import F1Average

GENERATOR = torch.Generator().manual_seed(3)
LABEL = torch.randint(0, 5, (60,), generator=GENERATOR)
GUESS = torch.where(torch.rand(60, generator=GENERATOR) < 0.5, LABEL, LABEL.flip(0))
# Class 5 is neither true nor predicted, class 6 is predicted only.
GUESS[0] = 6


def counts() -> Tensor:
    return confusion_counts(GUESS, LABEL, num_classes=7)


@pytest.mark.parametrize("average", ["weighted", "macro", "micro"])
@pytest.mark.parametrize("exclude", [(), (0,), (0, 3)])
def test_matches_scikit_learn(average: F1Average, exclude: tuple[int, ...]) -> None:
    seen = [c for c in range(7) if c != 5 and c not in exclude]
    expected = reference(LABEL, GUESS, labels=seen, average=average, zero_division=0)
    assert float(f1_score(counts(), average=average, exclude=exclude)) == pytest.approx(expected, abs=1e-12)


def test_each_class_matches_scikit_learn() -> None:
    expected = reference(LABEL, GUESS, labels=list(range(7)), average=None, zero_division=0)
    assert class_f1(counts()).tolist() == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize("average", ["weighted", "macro", "micro"])
def test_nothing_counted_gives_zero(average: F1Average) -> None:
    assert float(f1_score(torch.zeros(3, 3, dtype=torch.int64), average=average)) == 0.0
    assert float(f1_score(torch.eye(2), average=average, exclude=(0, 1))) == 0.0


def test_an_unknown_average_is_refused() -> None:
    with pytest.raises(ValueError, match="'samples'"):
        f1_score(counts(), average="samples")  # type: ignore[arg-type]
