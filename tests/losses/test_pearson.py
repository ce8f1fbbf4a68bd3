from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.losses import PearsonLoss
from affectkit.types import AffectOutput, LossTerms, Target

X = torch.randn(10, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.randn(10, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def run(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> LossTerms:
    terms: LossTerms = PearsonLoss()(AffectOutput(dims=prediction), Target(dims=target, weight=weight))
    return terms


def naive(x: Tensor, y: Tensor) -> float:
    return float((1 - np.corrcoef(x.numpy(), y.numpy())[0, 1]) / 2)


def test_half_of_one_minus_the_correlation() -> None:
    expected = (naive(X[:, 0], Y[:, 0]) + naive(X[:, 1], Y[:, 1])) / 2
    assert run(X, Y).total.item() == pytest.approx(expected, abs=1e-12)
    assert run(5 * Y + 3, Y).total.item() == pytest.approx(0.0, abs=1e-12)
    assert run(-Y, Y).total.item() == pytest.approx(1.0, abs=1e-12)


def test_absent_and_padded_values_are_left_out() -> None:
    target, weight = Y.clone(), torch.ones(10)
    target[:3, 0] = math.nan
    weight[9] = 0.0
    terms = run(X, target, weight)
    expected = (naive(X[3:9, 0], Y[3:9, 0]) + naive(X[:9, 1], Y[:9, 1])) / 2
    assert terms.total.item() == pytest.approx(expected, abs=1e-12) and float(terms.weight) == 9


def test_constant_targets_say_nothing() -> None:
    constant = Y.clone()
    constant[:, 1] = 0.3
    assert run(X, constant).total.item() == pytest.approx(naive(X[:, 0], Y[:, 0]), abs=1e-12)
    single = X[:1].clone().requires_grad_()
    terms = run(single, Y[:1])
    torch.autograd.backward(terms.total)
    assert terms.total.item() == 0.0 and float(terms.weight) == 1
    assert single.grad is not None and not single.grad.any()


def test_constant_predictions_are_one_half_without_gradient() -> None:
    constant = torch.full((10, 2), 0.7, dtype=torch.float64, requires_grad=True)
    terms = run(constant, Y)
    torch.autograd.backward(terms.total)
    assert terms.total.item() == 0.5
    assert constant.grad is not None and not constant.grad.any()


def test_a_head_by_name() -> None:
    loss = PearsonLoss(head="quality")
    terms = loss(AffectOutput(extra={"quality": X}), Target(extra={"quality": Y}))
    assert terms.total.item() == run(X, Y).total.item() and set(terms.terms) == {"pearson_quality"}


def test_row_weights_weigh_moments_only_where_asked_to() -> None:
    weight = torch.tensor([2.0, 1, 1, 0, 3, 1, 1, 1, 2, 1])
    target, times = Target(dims=Y, weight=weight), weight.long()
    weighed: LossTerms = PearsonLoss(weighted=True)(AffectOutput(dims=X), target)
    repeated = run(X.repeat_interleave(times, 0), Y.repeat_interleave(times, 0))
    assert weighed.total.item() == pytest.approx(repeated.total.item(), abs=1e-12)
    plain = run(X, Y, weight)
    assert plain.total.item() == pytest.approx(run(X[times > 0], Y[times > 0]).total.item(), abs=1e-12)


def test_a_batch_without_annotation_has_no_weight_in_an_accumulated_step() -> None:
    terms = run(X, torch.full_like(Y, float("nan")))
    assert terms.total.item() == 0.0 and float(terms.weight) == 0.0
