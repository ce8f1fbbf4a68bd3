"""Batches that mix sources: rows with only a category, rows with only dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from affectkit.heads import CategoricalDimensionalGraphHead, MultiTaskHead, SeparateHeads
from affectkit.losses import (
    CCCLoss,
    ClassificationLoss,
    MSELoss,
    PearsonLoss,
    UncertaintyWeightedSum,
    WeightedSum,
)
from affectkit.types import AffectOutput, Encoding, Loss, LossTerms, Target


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = noise(6, 5, seed=0)
LABEL = torch.tensor([3, 1, -100, -100, 0, -100])
DIMS = noise(6, 2, seed=1).tanh()
DIMS[[0, 1, 4]] = math.nan

HEADS: dict[str, Callable[[], nn.Module]] = {
    "graph": lambda: CategoricalDimensionalGraphHead(5, "affectnet7", embedding_dim=4, hidden_dims=(6,)),
    "separate": lambda: SeparateHeads(5, num_classes=7, num_dims=2, hidden_dim=4),
    "multi_task": lambda: MultiTaskHead(5, num_classes=7, num_dims=2, hidden_dim=4),
}
SUMS: dict[str, Callable[[dict[str, Loss]], nn.Module]] = {
    "static": WeightedSum,
    "uncertainty": UncertaintyWeightedSum,
}


def parts() -> dict[str, Loss]:
    return {"emotion": ClassificationLoss(7), "ccc": CCCLoss(), "pearson": PearsonLoss(), "va": MSELoss()}


@pytest.mark.parametrize("kind", SUMS)
def test_an_absent_target_sends_no_gradient_to_its_row(kind: str) -> None:
    logits, dims = noise(6, 7, seed=2).requires_grad_(), noise(6, 2, seed=3).requires_grad_()
    terms: LossTerms = SUMS[kind](parts())(
        AffectOutput(logits=logits, dims=dims), Target(label=LABEL, dims=DIMS)
    )
    torch.autograd.backward(terms.total)
    assert logits.grad is not None and dims.grad is not None
    absent = LABEL < 0
    assert not logits.grad[absent].any() and logits.grad[~absent].all()
    absent = DIMS.isnan().any(1)
    assert not dims.grad[absent].any() and dims.grad[~absent].all()


def gradients(head: nn.Module, loss: nn.Module, target: Target) -> dict[str, Tensor]:
    head.zero_grad()
    output: AffectOutput = head(Encoding(X))
    terms: LossTerms = loss.double()(output, target)
    torch.autograd.backward(terms.total * terms.weight)
    zero = torch.zeros((), dtype=torch.float64)
    return {name: zero if p.grad is None else p.grad.clone() for name, p in head.named_parameters()}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("absent", ["label", "dims"])
def test_a_batch_of_one_source_trains_as_if_the_other_loss_did_not_exist(kind: str, absent: str) -> None:
    torch.manual_seed(0)
    head = HEADS[kind]().double()
    label, dims = LABEL, DIMS
    if absent == "label":
        label = torch.full_like(LABEL, -100)
        alone: nn.Module = MSELoss()
    else:
        dims = torch.full_like(DIMS, math.nan)
        alone = ClassificationLoss(7)
    target = Target(label=label, dims=dims)
    both: dict[str, Loss] = {"emotion": ClassificationLoss(7), "va": MSELoss()}
    joint, single = gradients(head, WeightedSum(both), target), gradients(head, alone, target)
    assert any(bool(value.any()) for value in single.values())
    for name, value in single.items():
        torch.testing.assert_close(joint[name], value.expand_as(joint[name]), rtol=0, atol=1e-12)


def test_a_mixed_batch_is_the_sum_of_its_sources() -> None:
    torch.manual_seed(0)
    head = HEADS["graph"]().double()
    loss = WeightedSum({"emotion": ClassificationLoss(7), "va": MSELoss()})
    nothing, none = torch.full_like(DIMS, math.nan), torch.full_like(LABEL, -100)
    mixed = gradients(head, loss, Target(label=LABEL, dims=DIMS))
    categories = gradients(head, loss, Target(label=LABEL, dims=nothing))
    dimensions = gradients(head, loss, Target(label=none, dims=DIMS))
    for name, value in mixed.items():
        torch.testing.assert_close(value, categories[name] + dimensions[name], rtol=0, atol=1e-12)
