from __future__ import annotations

import math

import pytest
import torch

from affectkit.functional import category_shares

LABEL = torch.tensor([[2, -100, 0], [1, -100, 2]])
VOTES = torch.tensor(
    [
        [[3.0, 1.0, 0.0], [0.0, 2.0, 2.0], [0.0, 0.0, 0.0]],
        [[math.nan, 1.0, 1.0], [math.nan] * 3, [0.5, 0.25, 0.25]],
    ],
    dtype=torch.float64,
)


def test_against_a_loop() -> None:
    found = category_shares(LABEL, VOTES, num_classes=3)
    assert found.dtype == torch.float64
    for place in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)):
        votes, label = VOTES[place].tolist(), int(LABEL[place])
        if sum(votes) > 0:
            wanted = [vote / sum(votes) for vote in votes]
        else:
            wanted = [math.nan if label < 0 else float(label == column) for column in range(3)]
        assert found[place].tolist() == pytest.approx(wanted, abs=1e-15, nan_ok=True)


def test_without_votes_labels_alone() -> None:
    found = category_shares(LABEL[0], None, num_classes=4)
    assert found[[0, 2]].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]] and bool(found[1].isnan().all())
    assert found.dtype == torch.float32
