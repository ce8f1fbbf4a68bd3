from __future__ import annotations

import pytest
import torch

from affectkit.functional import confusion_counts

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(3, 6, 4, generator=GENERATOR)
LABEL = torch.randint(0, 4, (3, 6), generator=GENERATOR)
LABEL[0, 2] = -100
WEIGHT = torch.ones(3, 6)
WEIGHT[2, 4:] = 0.0


def test_counts_pairs_of_the_rows_that_count() -> None:
    expected = [[0] * 4 for _ in range(4)]
    for b in range(3):
        for u in range(6):
            if LABEL[b, u] != -100 and WEIGHT[b, u] > 0:
                expected[int(LABEL[b, u])][int(LOGITS[b, u].argmax())] += 1
    counts = confusion_counts(LOGITS, LABEL, num_classes=4, weight=WEIGHT)
    assert counts.tolist() == expected
    assert counts.dtype == torch.int64
    same = confusion_counts(LOGITS.argmax(-1), LABEL, num_classes=4, weight=WEIGHT)
    assert torch.equal(same, counts)


def test_an_ignored_row_may_hold_any_prediction() -> None:
    counts = confusion_counts(torch.tensor([-7, 1]), torch.tensor([-100, 1]), num_classes=2)
    assert counts.tolist() == [[0, 0], [0, 1]]


def test_no_rows_give_zeros() -> None:
    empty = torch.empty(0, dtype=torch.int64)
    assert confusion_counts(empty, empty, num_classes=2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("prediction", "label", "message"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 1]), r"\(2, 3\)"),
        (torch.zeros(2), torch.tensor([0, 1]), "float32"),
        (torch.tensor([0, 4]), torch.tensor([0, 1]), r"prediction outside 0\.\.3"),
        (torch.tensor([0, 1]), torch.tensor([0, -1]), r"label outside 0\.\.3"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    prediction: torch.Tensor, label: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_counts(prediction, label, num_classes=4)
