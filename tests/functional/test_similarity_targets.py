"""Labels as distributions over similar classes, against loops."""

from __future__ import annotations

import pytest
import torch

from affectkit.functional import similarity_targets
from affectkit.labels import ValenceArousalWheel, label_space

SPACE = label_space("meld7.official")
ALIKE = ValenceArousalWheel().similarity(SPACE)


def naive(label: int, sharpness: float) -> list[float]:
    if label == -100:
        return [0.0] * len(SPACE)
    row = [1.0 if k == label else ALIKE[label][k] for k in range(len(SPACE))]
    return [
        (1 - sharpness) * value / sum(row) + (sharpness if k == label else 0.0) for k, value in enumerate(row)
    ]


@pytest.mark.parametrize("sharpness", [0.0, 0.3, 1.0])
def test_equals_a_loop(sharpness: float) -> None:
    label = torch.tensor([[0, 5, -100], [3, 6, 2]])
    found = similarity_targets(label, torch.tensor(ALIKE, dtype=torch.float64), sharpness=sharpness)
    expected = [[naive(one, sharpness) for one in row] for row in label.tolist()]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-15)
    assert found.sum(-1).flatten().tolist() == pytest.approx([1, 1, 0, 1, 1, 1])


def test_confusable_emotions_share_and_opposite_ones_do_not() -> None:
    row = similarity_targets(torch.tensor(SPACE.index("fear")), torch.tensor(ALIKE), sharpness=0.0)
    named = dict(zip(SPACE, row.tolist(), strict=True))
    assert named["fear"] > named["disgust"] > named["neutral"] > named["joy"] == 0.0
