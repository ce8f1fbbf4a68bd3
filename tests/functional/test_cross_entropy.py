from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.functional import cross_entropy_rows

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(2, 4, 5, generator=GENERATOR, dtype=torch.float64)
LABEL = torch.tensor([[0, 4, -100, 2], [1, -100, 3, 3]])
WEIGHT = torch.tensor([0.5, 2.0, 1.0, 0.0, 3.0], dtype=torch.float64)


def naive(scores: list[float], label: int, weight: list[float], smoothing: float, gamma: float) -> float:
    if label == -100:
        return 0.0
    total = sum(math.exp(score) for score in scores)
    chances = [math.exp(score) / total for score in scores]
    loss = 0.0
    for index, chance in enumerate(chances):
        mass = smoothing / len(scores) + (1 - smoothing if index == label else 0.0)
        loss -= mass * weight[index] * math.log(chance)
    return math.pow(1 - chances[label], gamma) * loss


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_matches_the_formula_row_by_row(smoothing: float, gamma: float) -> None:
    rows = cross_entropy_rows(LOGITS, LABEL, class_weight=WEIGHT, label_smoothing=smoothing, gamma=gamma)
    expected = [
        [naive(LOGITS[b, u].tolist(), int(LABEL[b, u]), WEIGHT.tolist(), smoothing, gamma) for u in range(4)]
        for b in range(2)
    ]
    torch.testing.assert_close(rows, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 1.5])
def test_gradient(gamma: float) -> None:
    def loss(logits: Tensor) -> Tensor:
        return cross_entropy_rows(logits, LABEL, class_weight=WEIGHT, label_smoothing=0.1, gamma=gamma)

    assert torch.autograd.gradcheck(loss, (LOGITS.clone().requires_grad_(),))


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize("garbage", [math.nan, math.inf])
def test_ignored_rows_give_exactly_no_value_and_no_gradient(gamma: float, garbage: float) -> None:
    logits = LOGITS.clone()
    logits[LABEL == -100] = garbage
    logits.requires_grad_()
    rows = cross_entropy_rows(logits, LABEL, gamma=gamma)
    torch.autograd.backward(rows.sum())
    assert logits.grad is not None
    assert rows[LABEL == -100].tolist() == [0.0, 0.0]
    assert bool((logits.grad[LABEL == -100] == 0).all())
    assert bool((logits.grad[LABEL != -100] != 0).all())


def test_focal_gradient_is_finite_where_the_probability_rounds_to_one() -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0], [-200.0, 0.0, 0.0]], requires_grad=True)
    rows = cross_entropy_rows(logits, torch.tensor([0, 0]), gamma=0.5)
    torch.autograd.backward(rows.sum())
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())
    assert rows[0].item() == pytest.approx(0.0, abs=1e-12)
    # A row that is wholly wrong keeps the full loss: 200 + log 2.
    assert rows[1].item() == pytest.approx(200.0 + math.log(2.0))


def test_half_precision_is_raised_to_single() -> None:
    rows = cross_entropy_rows(LOGITS.bfloat16(), LABEL)
    expected = F.cross_entropy(LOGITS.bfloat16().float().reshape(-1, 5), LABEL.reshape(-1), reduction="none")
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows.reshape(-1), expected)
