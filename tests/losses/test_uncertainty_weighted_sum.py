from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from affectkit import distributed
from affectkit.losses import CCCLoss, ClassificationLoss, MSELoss, UncertaintyWeightedSum
from affectkit.types import AffectOutput, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LABEL = torch.tensor([0, 1, -100, 2, -100, 1, 0, -100])
DIMS = noise(8, 2, seed=2)
DIMS[[0, 5, 6]] = math.nan


def build() -> UncertaintyWeightedSum:
    loss = UncertaintyWeightedSum(
        {"va": MSELoss(), "emotion": ClassificationLoss(3)}, regressions=["va"]
    ).double()
    with torch.no_grad():
        loss.log_variance.copy_(torch.tensor([0.4, -0.7], dtype=torch.float64))  # emotion, va
    return loss


def run(loss: UncertaintyWeightedSum, rows: slice) -> tuple[LossTerms, Tensor, Tensor]:
    logits, dims = noise(8, 3, seed=0)[rows].requires_grad_(), noise(8, 2, seed=1)[rows].requires_grad_()
    terms: LossTerms = loss(
        AffectOutput(logits=logits, dims=dims), Target(label=LABEL[rows], dims=DIMS[rows])
    )
    return terms, logits, dims


def test_it_equals_the_likelihood_of_the_annotated_rows() -> None:
    terms, logits, dims = run(build(), slice(0, 8))
    total = 0.0
    for row in range(8):
        if LABEL[row] >= 0:
            nll = -logits[row].log_softmax(-1)[LABEL[row]].item()
            total += math.exp(-0.4) * nll + 0.4 / 2
        if not DIMS[row].isnan().any():
            square = (dims[row] - DIMS[row]).square().mean().item()
            total += 0.5 * math.exp(0.7) * square - 0.7 / 2
    assert terms.total.item() == pytest.approx(total / 8, abs=1e-12)
    assert float(terms.weight) == 8
    assert float(terms.terms["emotion_weight"]) == pytest.approx(math.exp(-0.4))
    assert float(terms.terms["va_weight"]) == pytest.approx(math.exp(0.7) / 2)


def test_a_task_without_targets_moves_neither_the_model_nor_its_uncertainty() -> None:
    loss = UncertaintyWeightedSum({"va": CCCLoss(), "emotion": ClassificationLoss(3)}).double()
    logits, dims = noise(4, 3, seed=0).requires_grad_(), noise(4, 2, seed=1).requires_grad_()
    target = Target(label=torch.tensor([0, 1, 2, 0]), dims=torch.full((4, 2), math.nan))
    terms: LossTerms = loss(AffectOutput(logits=logits, dims=dims), target)
    torch.autograd.backward(terms.total)
    assert dims.grad is not None and not dims.grad.any()
    assert loss.log_variance.grad is not None
    assert loss.log_variance.grad[0] != 0 and loss.log_variance.grad[1] == 0
    alone: LossTerms = ClassificationLoss(3).double()(AffectOutput(logits=logits), target)
    assert terms.total.item() == pytest.approx(alone.total.item(), abs=1e-12)


def rank_part(split: int) -> tuple[float, list[float]]:
    loss = build()
    part = slice(0, split) if distributed.rank() == 0 else slice(split, 8)
    terms, *_ = run(loss, part)
    torch.autograd.backward(terms.total * terms.weight)
    assert loss.log_variance.grad is not None
    gradient = distributed.all_reduce_sum(loss.log_variance.grad)
    return float(distributed.all_reduce_sum(terms.total * terms.weight)), gradient.tolist()


@pytest.mark.distributed
def test_halves_on_two_ranks_equal_the_whole(run_ranks: RunRanks) -> None:
    loss = build()
    terms, *_ = run(loss, slice(0, 8))
    torch.autograd.backward(terms.total * terms.weight)
    assert loss.log_variance.grad is not None
    for value, gradient in run_ranks(rank_part, 3):
        assert value == pytest.approx((terms.total * terms.weight).item(), abs=1e-12)
        assert gradient == pytest.approx(loss.log_variance.grad.tolist(), abs=1e-12)


def test_the_order_of_the_mapping_does_not_matter() -> None:
    one = UncertaintyWeightedSum({"b": MSELoss(), "a": ClassificationLoss(3)})
    other = UncertaintyWeightedSum({"a": ClassificationLoss(3), "b": MSELoss()})
    assert list(one.losses) == list(other.losses) == ["a", "b"]
    assert list(one.state_dict()) == list(other.state_dict())


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"regressions \['va'\] that are none"):
        UncertaintyWeightedSum({"emotion": ClassificationLoss(3)}, regressions=["va"])
    with pytest.raises(ValueError, match="at least one loss"):
        UncertaintyWeightedSum({})
