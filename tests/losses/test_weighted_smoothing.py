from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectkit.functional import smoothed_labels
from affectkit.losses import WeightedSmoothingLoss
from affectkit.types import AffectOutput, LossTerms, Target

GOLDEN = Path(__file__).parents[1] / "golden" / "clipcaer_lsr2.npz"


@pytest.mark.golden
def test_loss_gradient_and_labels_of_the_golden_vector() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    loss = WeightedSmoothingLoss(arrays["balance_weight"].tolist(), label_smoothing=0.2)
    logits = arrays["logits"].requires_grad_()
    terms: LossTerms = loss(AffectOutput(logits=logits), Target(label=arrays["label"]))
    torch.testing.assert_close(terms.total, arrays["loss"], rtol=1e-5, atol=0)
    torch.autograd.backward(terms.total)
    torch.testing.assert_close(logits.grad, arrays["grad_logits"], rtol=0, atol=1e-6)
    goal = smoothed_labels(arrays["label"], arrays["balance_weight"], smoothing=0.2)
    torch.testing.assert_close(goal, arrays["smoothed"], rtol=0, atol=1e-6)


def test_it_equals_a_loop_over_rows() -> None:
    weights = [0.5, 2.0, 1.0, 3.0]
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    label = torch.tensor([0, 3, -100, 2, 1])
    row_weight = torch.tensor([1.0, 2.0, 1.0, 0.0, 1.0])
    total, count = 0.0, 0
    for row in range(5):
        if label[row] == -100 or row_weight[row] == 0:
            continue
        log_share = torch.log_softmax(logits[row], 0)
        own = int(label[row])
        others = sum(weight for index, weight in enumerate(weights) if index != own)
        for index, weight in enumerate(weights):
            share = 0.9 if index == own else 0.1 * weight / others
            total -= float(row_weight[row]) * share * float(log_share[index])
        count += 1
    loss = WeightedSmoothingLoss(weights, label_smoothing=0.1)
    terms: LossTerms = loss(AffectOutput(logits=logits), Target(label=label, weight=row_weight))
    assert float(terms.total) == pytest.approx(total / count, abs=1e-6) and float(terms.weight) == count


def test_refusals() -> None:
    with pytest.raises(ValueError, match="a weight above 0"):
        WeightedSmoothingLoss([1.0, 0.0])
    with pytest.raises(ValueError, match=r"label_smoothing=1\.0"):
        WeightedSmoothingLoss([1.0, 2.0], label_smoothing=1.0)
    with pytest.raises(ValueError, match="with 2 logits for each label"):
        WeightedSmoothingLoss([1.0, 2.0])(
            AffectOutput(logits=torch.zeros(3, 3)), Target(label=torch.zeros(3, dtype=torch.int64))
        )
