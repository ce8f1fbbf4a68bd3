"""Distances to class centres, against loops and in parts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.functional import ClassSums, class_sums, relative_centre_distance

ROWS = torch.randn(9, 4, generator=torch.Generator().manual_seed(1))
LABEL = torch.tensor([0, 3, 1, 1, 0, 3, 0, 1, 3])  # class 2 has no rows


def cosine_distance(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return (1 - dot / math.hypot(*a) / math.hypot(*b)) / 2 + 1e-8


def naive(rows: Tensor, label: Tensor) -> list[float]:
    pairs = list(zip(rows.tolist(), label.tolist(), strict=True))
    centres = {
        c: [sum(column) for column in zip(*[row for row, own in pairs if own == c], strict=True)]
        for c in sorted(set(label.tolist()))
    }
    return [
        cosine_distance(row, centres[own]) / sum(cosine_distance(row, one) for one in centres.values())
        for row, own in pairs
    ]


def test_equals_a_loop() -> None:
    found = relative_centre_distance(ROWS, LABEL, class_sums(ROWS, LABEL, num_classes=4))
    assert found.dtype == torch.float64 and found.tolist() == pytest.approx(naive(ROWS, LABEL), rel=1e-6)


def test_sums_of_parts_are_those_of_all() -> None:
    whole = class_sums(ROWS, LABEL, num_classes=4)
    one, two = (class_sums(ROWS[part], LABEL[part], num_classes=4) for part in (slice(0, 4), slice(4, 9)))
    sums = ClassSums(one.total + two.total, one.number + two.number)
    torch.testing.assert_close(sums.total, whole.total)
    found = [relative_centre_distance(ROWS[i : i + 3], LABEL[i : i + 3], sums) for i in (0, 3, 6)]
    torch.testing.assert_close(torch.cat(found), relative_centre_distance(ROWS, LABEL, whole))


def test_the_own_centre_is_easier_than_another_one() -> None:
    rows = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 1.0], [0.0, 1.0]])
    label = torch.tensor([0, 0, 1, 1, 0])  # the last lies among the others' rows
    hard = relative_centre_distance(rows, label, class_sums(rows, label, num_classes=2))
    assert hard.argmax() == 4 and hard[4] > 0.5 > hard[:4].max()


def test_one_class_alone_and_zero_rows_stay_finite() -> None:
    rows, label = torch.zeros(3, 2), torch.tensor([1, 1, 1])
    assert relative_centre_distance(rows, label, class_sums(rows, label, num_classes=2)).tolist() == [1.0] * 3
    none = relative_centre_distance(rows[:0], label[:0], class_sums(rows, label, num_classes=2))
    assert none.shape == (0,)
