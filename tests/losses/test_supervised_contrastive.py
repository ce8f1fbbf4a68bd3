from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit import distributed
from affectkit.losses import SupervisedContrastiveLoss
from affectkit.types import AffectOutput, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

X = torch.randn(12, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABEL = torch.tensor([0, 1, 0, -100, 1, 0, 2, 3, 2, 1, 0, -100])
WEIGHT = torch.tensor([1.0, 1.0, 2.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0], dtype=torch.float64)


def run(x: Tensor, label: Tensor = LABEL, weight: Tensor = WEIGHT, temperature: float = 0.2) -> LossTerms:
    loss = SupervisedContrastiveLoss(temperature=temperature)
    terms: LossTerms = loss(AffectOutput(embedding=x), Target(label=label, weight=weight))
    return terms


def naive(x: Tensor, label: list[int], weight: list[float], temperature: float) -> tuple[float, int]:
    """Every logarithm by itself."""
    rows = [i for i in range(len(x)) if label[i] >= 0 and weight[i] > 0]
    unit = F.normalize(x, dim=-1)
    total, anchors = 0.0, 0
    for i in rows:
        positives = [p for p in rows if p != i and label[p] == label[i]]
        if not positives:
            continue
        anchors += 1
        share = {k: math.exp(float(unit[i] @ unit[k]) / temperature) for k in rows if k != i}
        logs = [-math.log(share[p] / sum(share.values())) for p in positives]
        total += weight[i] * sum(logs) / len(logs)
    return total / anchors, anchors


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_it_equals_a_loop_over_pairs(temperature: float) -> None:
    terms = run(X, temperature=temperature)
    value, anchors = naive(X, LABEL.tolist(), WEIGHT.tolist(), temperature)
    assert terms.total.item() == pytest.approx(value, abs=1e-12)
    assert float(terms.weight) == anchors == 8


def test_vectors_may_keep_their_length() -> None:
    loss = SupervisedContrastiveLoss(temperature=1.0, normalized=False)
    unit = F.normalize(X, dim=-1)
    longer: LossTerms = loss(AffectOutput(embedding=2 * unit), Target(label=LABEL, weight=WEIGHT))
    # Twice as long, scores are four times as large.
    assert longer.total.item() == pytest.approx(run(X, temperature=0.25).total.item(), abs=1e-12)


def test_views_of_a_row_are_rows_of_its_label_and_count_once() -> None:
    views = {"one": X[:6].reshape(2, 3, 5), "two": X[6:].reshape(2, 3, 5)}
    label, weight = LABEL[:6].reshape(2, 3), WEIGHT[:6].reshape(2, 3)
    loss = SupervisedContrastiveLoss(temperature=0.2, views=["one", "two"])
    terms: LossTerms = loss(AffectOutput(views=views), Target(label=label, weight=weight))
    value, anchors = naive(X, LABEL[:6].tolist() * 2, WEIGHT[:6].tolist() * 2, 0.2)
    assert terms.total.item() == pytest.approx(value, abs=1e-12)
    # Rows 3 and 5 are not compared; each of the others has its other view.
    assert float(terms.weight) == 4 == anchors / 2


def test_a_good_embedding_has_a_smaller_loss_and_a_step_goes_there() -> None:
    x = X.clone().requires_grad_()
    before = run(x)
    (gradient,) = torch.autograd.grad(before.total, [x])
    assert run(X - 0.1 * gradient).total.item() < before.total.item()
    best = run(F.one_hot(LABEL.clamp(min=0), 5).double())
    # log of the number of positives: even the best loss of several positives is not 0.
    assert best.total.item() < 1.0 < before.total.item()


def test_gradcheck() -> None:
    assert torch.autograd.gradcheck(lambda x: run(x).total, (X.clone().requires_grad_(),))


def test_rows_without_label_or_weight_reach_nothing() -> None:
    x = X.clone().requires_grad_()
    gone = (LABEL < 0) | (WEIGHT == 0)
    terms = run(x + torch.where(gone, math.nan, 0.0).unsqueeze(1))
    torch.autograd.backward(terms.total)
    assert terms.total.item() == run(X).total.item()
    assert x.grad is not None and not x.grad[gone].any() and bool(x.grad[~gone].any(1).all())


@pytest.mark.parametrize("label", [[0, 1, 2], [-100, -100, -100], [0, -100, -100]])
def test_batches_without_pairs_are_a_zero_that_keeps_the_graph(label: list[int]) -> None:
    x = X[:3].clone().requires_grad_()
    terms = run(x, torch.tensor(label), torch.ones(3))
    torch.autograd.backward(terms.total * terms.weight)
    assert (terms.total.item(), float(terms.weight)) == (0.0, 0.0)
    assert x.grad is not None and not x.grad.any()


def test_half_precision_is_left_to_the_model() -> None:
    expected = run(X.float()).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert run(X.float()).total.item() == expected.item()


def test_refusals() -> None:
    with pytest.raises(ValueError, match="temperature=0: give"):
        SupervisedContrastiveLoss(temperature=0)
    with pytest.raises(ValueError, match=r"without views\['one'\]"):
        SupervisedContrastiveLoss(views=["one"])(AffectOutput(), Target(label=LABEL))


def rank_gradient(split: tuple[int, ...]) -> tuple[list[list[float]], float]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    x = X.clone().requires_grad_()
    terms = run(x[rows], LABEL[rows], WEIGHT[rows])
    torch.autograd.backward(terms.total * terms.weight)
    assert x.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    gradient = distributed.all_reduce_sum(x.grad) / window
    return gradient.tolist(), float(distributed.all_reduce_sum(terms.total * terms.weight) / window)


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(6, 6), (10, 2), (12, 0)])
def test_two_ranks_are_one_batch(run_ranks: RunRanks, split: tuple[int, int]) -> None:
    expected, value = rank_gradient((12,))
    for gradient, total in run_ranks(rank_gradient, split):
        assert total == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(torch.tensor(gradient), torch.tensor(expected), rtol=0, atol=1e-12)
