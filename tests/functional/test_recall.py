from __future__ import annotations

import warnings

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, recall_score

from affectkit.functional import class_recall, confusion_counts, unweighted_average_recall

LABEL = torch.tensor([0, 0, 0, 1, 1, 3, 3, 3, 3])
GUESS = torch.tensor([0, 1, 2, 1, 1, 3, 3, 0, 2])


def test_present_and_all_match_scikit_learns_two_answers() -> None:
    counts = confusion_counts(GUESS, LABEL, num_classes=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that class 2 is predicted and never true
        present = balanced_accuracy_score(LABEL, GUESS)
    every = recall_score(LABEL, GUESS, labels=list(range(5)), average="macro", zero_division=0)
    assert float(unweighted_average_recall(counts)) == pytest.approx(present, abs=1e-12)
    assert float(unweighted_average_recall(counts, classes="all")) == pytest.approx(every, abs=1e-12)
    each = recall_score(LABEL, GUESS, labels=list(range(5)), average=None, zero_division=0)
    assert class_recall(counts).tolist() == pytest.approx(each.tolist(), abs=1e-12)


def test_no_rows_give_zero() -> None:
    empty = torch.zeros(3, 3, dtype=torch.int64)
    assert float(unweighted_average_recall(empty)) == 0.0
    assert float(unweighted_average_recall(empty, classes="all")) == 0.0
