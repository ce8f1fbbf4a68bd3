"""Variance and covariance terms: both are functions of the moments of a batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from affectkit import distributed
from affectkit.losses import CovarianceLoss, VarianceLoss
from affectkit.types import AffectOutput, Loss, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

X = torch.randn(6, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHT = torch.ones(6, 2, dtype=torch.float64)
WEIGHT[1, 0], WEIGHT[4], WEIGHT[2, 1] = 0.0, 0.0, 3.0
LOSSES: dict[str, Callable[[], Loss]] = {"variance": VarianceLoss, "covariance": CovarianceLoss}


def naive(name: str, rows: Tensor, deviation: float = 1.0) -> float:
    values: list[list[float]] = rows.tolist()
    number, width = len(values), len(values[0])
    mean = [sum(row[j] for row in values) / number for j in range(width)]
    cov = [
        [sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in values) / (number - 1) for j in range(width)]
        for i in range(width)
    ]
    if name == "variance":
        return sum(max(0.0, deviation - math.sqrt(cov[j][j] + 1e-6)) for j in range(width)) / width
    return sum(cov[i][j] * cov[i][j] for i in range(width) for j in range(width) if i != j) / width


@pytest.mark.parametrize("name", LOSSES)
def test_it_equals_the_moments_of_the_real_rows(name: str) -> None:
    terms = LOSSES[name]()(AffectOutput(embedding=X), Target(weight=WEIGHT))
    assert terms.total.item() == pytest.approx(naive(name, X[WEIGHT > 0]), abs=1e-12)
    assert float(terms.weight) == 9


@pytest.mark.parametrize("name", LOSSES)
def test_views_add_up(name: str) -> None:
    views = {"a": X[:, 0], "b": 3 * X[:, 1], "c": X[:, 0] * 0}
    loss = {"variance": VarianceLoss, "covariance": CovarianceLoss}[name](views=["a", "b"])
    terms: LossTerms = loss(AffectOutput(views=views), Target())
    expected = naive(name, X[:, 0]) + naive(name, 3 * X[:, 1])
    assert terms.total.item() == pytest.approx(expected, abs=1e-12)


def test_unit_vectors_can_reach_the_deviation_of_unit_length() -> None:
    rows = torch.cat([torch.eye(4), -torch.eye(4)]).double()
    output = AffectOutput(embedding=rows)
    assert VarianceLoss(deviation="unit_length")(output, Target()).total.item() == 0.0
    assert VarianceLoss()(output, Target()).total.item() == pytest.approx(1 - math.sqrt(2 / 7 + 1e-6))


@pytest.mark.parametrize("name", LOSSES)
def test_padding_reaches_nothing(name: str) -> None:
    x = X.clone().requires_grad_()
    gone = WEIGHT == 0
    spoiled = x + torch.where(gone, math.nan, 0.0).unsqueeze(-1)
    terms = LOSSES[name]()(AffectOutput(embedding=spoiled), Target(weight=WEIGHT))
    (gradient,) = torch.autograd.grad(terms.total, [x])
    assert bool(gradient.isfinite().all()) and not gradient[gone].any() and bool(gradient[~gone].any())


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("name", LOSSES)
def test_fewer_than_two_rows_are_a_zero_that_keeps_the_graph(name: str, rows: int) -> None:
    x = X[0, :1].clone().requires_grad_()
    terms = LOSSES[name]()(AffectOutput(embedding=x), Target(weight=torch.full((1,), float(rows))))
    (gradient,) = torch.autograd.grad(terms.total * terms.weight, [x])
    assert (terms.total.item(), float(terms.weight)) == (0.0, 0.0) and not gradient.any()


@pytest.mark.parametrize("name", LOSSES)
def test_gradcheck(name: str) -> None:
    def total(x: Tensor) -> Tensor:
        return LOSSES[name]()(AffectOutput(embedding=x), Target(weight=WEIGHT)).total

    assert torch.autograd.gradcheck(total, (X.clone().requires_grad_(),))


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_is_left_to_the_model(name: str) -> None:
    output = AffectOutput(embedding=X.float())
    expected = LOSSES[name]()(output, Target()).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert LOSSES[name]()(output, Target()).total.item() == expected.item()


def test_refusals() -> None:
    for deviation in (0.0, -1.0, "long"):
        with pytest.raises(ValueError, match="give a number above 0, or 'unit_length'"):
            VarianceLoss(deviation=deviation)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="CovarianceLoss got an output without embedding"):
        CovarianceLoss()(AffectOutput(), Target())
    with pytest.raises(ValueError, match="each the same rows"):
        CovarianceLoss(views=["a", "b"])(AffectOutput(views={"a": X, "b": X[:2]}), Target())


def rank_gradient(name: str, split: tuple[int, ...]) -> tuple[list[list[float]], float]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    x = X.clone().requires_grad_()
    terms = LOSSES[name]()(AffectOutput(embedding=x[rows]), Target(weight=WEIGHT[rows]))
    torch.autograd.backward(terms.total * terms.weight)
    assert x.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    gradient = distributed.all_reduce_sum(x.grad) / window
    value = distributed.all_reduce_sum(terms.total * terms.weight) / window
    return gradient.flatten(1).tolist(), float(value)


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(3, 3), (5, 1), (6, 0)])
@pytest.mark.parametrize("name", LOSSES)
def test_two_ranks_are_one_batch(run_ranks: RunRanks, name: str, split: tuple[int, int]) -> None:
    expected, value = rank_gradient(name, (6,))
    for gradient, total in run_ranks(rank_gradient, name, split):
        assert total == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(torch.tensor(gradient), torch.tensor(expected), rtol=0, atol=1e-12)
