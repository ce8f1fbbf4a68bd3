from __future__ import annotations

import math

import pytest
import torch

from affectkit.losses import CCCLoss
from affectkit.types import AffectOutput, LossTerms, Target

X = torch.randn(10, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.randn(10, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def value(prediction: torch.Tensor, target: torch.Tensor) -> float:
    terms: LossTerms = CCCLoss()(AffectOutput(dims=prediction), Target(dims=target))
    return terms.total.item()


def naive(x: torch.Tensor, y: torch.Tensor) -> float:
    moments = torch.cov(torch.stack([x, y]), correction=0)
    return float(2 * moments[0, 1] / (moments[0, 0] + moments[1, 1] + (x.mean() - y.mean()) ** 2))


def test_one_minus_the_mean_over_dimensions() -> None:
    expected = 1 - (naive(X[:, 0], Y[:, 0]) + naive(X[:, 1], Y[:, 1])) / 2
    assert value(X, Y) == pytest.approx(expected, abs=1e-12)
    assert value(Y, Y) == pytest.approx(0.0, abs=1e-12)


def test_a_dimension_without_annotation_is_left_out_and_a_constant_one_counts_as_zero() -> None:
    absent, constant = Y.clone(), Y.clone()
    absent[:, 1], constant[:, 1] = math.nan, 0.1
    only = 1 - naive(X[:, 0], Y[:, 0])
    assert value(X, absent) == pytest.approx(only, abs=1e-12)
    assert value(X, constant) == pytest.approx((only + 1) / 2, abs=1e-12)


def test_it_reports_the_real_rows_annotated_or_not() -> None:
    target = Y.clone()
    target[:4] = math.nan
    weight = torch.ones(10)
    weight[9] = 0.0
    terms = CCCLoss()(AffectOutput(dims=X), Target(dims=target, weight=weight))
    assert float(terms.weight) == 9.0
    assert terms.total.item() == pytest.approx(value(X[4:9], Y[4:9]), abs=1e-12)
