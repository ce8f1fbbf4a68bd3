"""What holds for every loss over rows: scripted once, since each must hold for all of them."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from affectkit import distributed
from affectkit.losses import (
    CCCLoss,
    ClassificationLoss,
    LinearRamp,
    MSELoss,
    MultilabelLoss,
    PearsonLoss,
    UncertaintyWeightedSum,
    VoteDistributionLoss,
    WeightedSmoothingLoss,
    WeightedSum,
)
from affectkit.types import AffectOutput, Loss, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

CLASSES, DIMS, WIDTH = 4, 2, 6


def composed() -> Loss:
    return WeightedSum(
        {
            "emotion": ClassificationLoss(CLASSES, class_weight=[0.5, 2.0, 1.0, 3.0], label_smoothing=0.1),
            "sentiment": ClassificationLoss(3, gamma=1.5, head="sentiment"),
            "va": MSELoss(),
            "votes": VoteDistributionLoss(),
        },
        {"sentiment": 0.3, "va": LinearRamp(2.0, 0.0), "votes": 0.7},
    )


def with_moments() -> Loss:
    return WeightedSum({"emotion": ClassificationLoss(CLASSES), "ccc": CCCLoss()}, {"ccc": 0.5})


LOSSES: dict[str, Callable[[], Loss]] = {
    "classification": lambda: ClassificationLoss(CLASSES, class_weight=[0.5, 2.0, 1.0, 3.0], gamma=2.0),
    "head": lambda: ClassificationLoss(3, label_smoothing=0.1, head="sentiment"),
    "votes": VoteDistributionLoss,
    "mse": MSELoss,
    "smoothing": lambda: WeightedSmoothingLoss([0.5, 2.0, 1.0, 3.0]),
    "multilabel": lambda: MultilabelLoss(positive_weight=[1.0, 2.0, 0.5, 3.0]),
    "uncertainty": lambda: UncertaintyWeightedSum(
        {"emotion": ClassificationLoss(CLASSES), "va": MSELoss()}, regressions=["va"]
    ),
    "ccc": CCCLoss,
    "ccc_weighted": lambda: CCCLoss(weighted=True),
    "ccc_mixed": lambda: CCCLoss(mixed_moments=True),
    "pearson": PearsonLoss,
    "pearson_weighted": lambda: PearsonLoss(weighted=True),
    "sum": composed,
    "sum_with_moments": with_moments,
}
ADDITIVE = [
    name
    for name in LOSSES
    if name not in ("ccc", "ccc_weighted", "ccc_mixed", "pearson", "pearson_weighted", "sum_with_moments")
]


class Heads(nn.Module):
    """One linear layer cut into all outputs."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        weight = torch.randn(WIDTH, CLASSES + 3 + DIMS, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(weight)

    def forward(self, features: Tensor) -> AffectOutput:
        logits, sentiment, dims = torch.split(features @ self.weight, [CLASSES, 3, DIMS], dim=-1)
        return AffectOutput(logits=logits, dims=dims.tanh(), extra={"sentiment": sentiment})


def batch(rows: int = 12, utterances: int = 3) -> tuple[Tensor, Target]:
    """Rows with every kind of gap, spread unevenly over the rows."""
    generator = torch.Generator().manual_seed(7)
    shape = (rows, utterances)
    features = torch.randn(*shape, WIDTH, generator=generator, dtype=torch.float64)
    label = torch.randint(0, CLASSES, shape, generator=generator)
    sentiment = torch.randint(0, 3, shape, generator=generator)
    dims = torch.rand(*shape, DIMS, generator=generator, dtype=torch.float64) * 2 - 1
    votes = torch.randint(0, 4, (*shape, CLASSES), generator=generator).double() + 0.5
    weight = torch.ones(shape)
    label[:4, 0] = -100
    sentiment[5:, 1] = -100
    dims[:3, :, 0] = math.nan
    dims[2:5, 1] = math.nan
    votes[6:8] = math.nan
    weight[1::2, 2] = 0.0
    weight[::3, 0] = 2.5
    several = (votes > 2).double()
    several[4:6, :, 1] = math.nan
    return features, Target(
        label=label,
        dims=dims,
        distribution=votes,
        multilabel=several,
        extra={"sentiment": sentiment},
        weight=weight,
    )


def part(target: Target, rows: slice) -> Target:
    def cut(field: Tensor | None) -> Tensor | None:
        return None if field is None else field[rows]

    return Target(
        label=cut(target.label),
        dims=cut(target.dims),
        distribution=cut(target.distribution),
        multilabel=cut(target.multilabel),
        extra={name: values[rows] for name, values in (target.extra or {}).items()},
        weight=cut(target.weight),
    )


def summed(loss: Loss, heads: Heads, features: Tensor, target: Target) -> LossTerms:
    terms = loss(heads(features), target)
    torch.autograd.backward(terms.total * terms.weight)
    return terms


@pytest.mark.parametrize("name", ADDITIVE)
def test_accumulated_ragged_parts_give_the_gradient_of_one_batch(name: str) -> None:
    features, target = batch()
    loss = LOSSES[name]()
    whole, parts = Heads(), Heads()
    full = summed(loss, whole, features, target)
    window, value = 0.0, 0.0
    for rows in (slice(0, 5), slice(5, 6), slice(6, 12)):
        terms = summed(loss, parts, features[rows], part(target, rows))
        window += float(terms.weight)
        value += (terms.total * terms.weight).item()
    assert whole.weight.grad is not None and parts.weight.grad is not None
    assert window == float(full.weight) > 0
    assert value / window == pytest.approx(full.total.item(), abs=1e-12)
    torch.testing.assert_close(parts.weight.grad, whole.weight.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_rows_of_weight_zero_change_nothing_even_if_they_hold_nan(name: str) -> None:
    features, target = batch()
    loss = LOSSES[name]()
    clean, dirty = Heads(), Heads()
    expected = summed(loss, clean, features, target)
    # Padding with wrong labels and diverged predictions.
    assert target.label is not None and target.weight is not None and target.dims is not None
    padding = target.weight == 0
    label, dims = target.label.clone(), target.dims.clone()
    label[padding], dims[padding] = 1, 100.0
    output = dirty(features)
    assert output.logits is not None and output.dims is not None and output.extra is not None
    # Added, not filled in: filling would stop the gradient before it could turn into NaN.
    gap = torch.zeros(12, 3, 1, dtype=torch.float64)
    gap[padding] = math.nan
    output = AffectOutput(
        logits=output.logits + gap,
        dims=output.dims + gap,
        extra={"sentiment": output.extra["sentiment"] + gap},
    )
    terms = loss(output, target._replace(label=label, dims=dims))
    torch.autograd.backward(terms.total * terms.weight)
    assert terms.total.item() == expected.total.item()
    assert float(terms.weight) == float(expected.weight)
    assert clean.weight.grad is not None and dirty.weight.grad is not None
    torch.testing.assert_close(dirty.weight.grad, clean.weight.grad, rtol=0, atol=0)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_zero_on_rows_that_nothing_is_known_of_and_only_there(name: str) -> None:
    features, target = batch()
    label, dims = target.label, target.dims
    assert label is not None and dims is not None and target.extra is not None
    assert target.distribution is not None and target.weight is not None
    label[9, 1], target.extra["sentiment"][9, 1] = -100, -100
    dims[9, 1], target.distribution[9, 1] = math.nan, math.nan
    assert target.multilabel is not None
    target.multilabel[9, 1] = math.nan
    row = features.requires_grad_()
    terms = LOSSES[name]()(Heads()(row), target)
    torch.autograd.backward(terms.total)
    assert row.grad is not None
    touched = (row.grad != 0).any(-1)
    assert not bool(touched[9, 1])
    assert not bool(touched[target.weight == 0].any())
    # 36 rows, 6 of them padding; every loss here knows something of at least half of the rest.
    assert int(touched.sum()) >= 15


@pytest.mark.parametrize("name", LOSSES)
def test_gradcheck(name: str) -> None:
    features, target = batch(rows=4)
    loss = LOSSES[name]()
    extra = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def total(logits: Tensor, dims: Tensor, sentiment: Tensor) -> Tensor:
        output = AffectOutput(logits=logits, dims=dims, extra={"sentiment": sentiment})
        terms = loss(output, part(target, slice(0, 4)))
        return terms.total + 0 * (logits.sum() + dims.sum() + sentiment.sum())

    inputs = (features[..., :CLASSES].clone(), features[..., 4:].tanh(), extra)
    assert torch.autograd.gradcheck(total, tuple(x.requires_grad_() for x in inputs))


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_anything_known_gives_a_zero_that_keeps_the_graph(name: str) -> None:
    features, target = batch()
    assert target.weight is not None
    heads = Heads()
    terms = LOSSES[name]()(heads(features), target._replace(weight=torch.zeros_like(target.weight)))
    torch.autograd.backward(terms.total * terms.weight)
    assert (terms.total.item(), float(terms.weight)) == (0.0, 0.0)
    assert heads.weight.grad is not None
    assert not bool(heads.weight.grad.any())


@pytest.mark.parametrize("name", LOSSES)
def test_bf16_autocast(name: str) -> None:
    features, target = batch()
    loss, heads = LOSSES[name](), Heads().float()
    expected = loss(heads(features.float()), target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = loss(heads(features.float()), target)
    torch.autograd.backward(terms.total)
    assert terms.total.dtype == torch.float32
    assert terms.total.item() == pytest.approx(expected.total.item(), rel=0.03)
    assert heads.weight.grad is not None
    assert bool(heads.weight.grad.isfinite().all())


@pytest.mark.parametrize("name", LOSSES)
def test_terms_are_detached_and_copies_agree(name: str) -> None:
    features, target = batch()
    loss = LOSSES[name]()
    output = Heads()(features)
    terms = loss(output, target)
    assert terms.total.requires_grad
    assert terms.terms
    assert not any(term.requires_grad for term in terms.terms.values())
    for copied in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        again: LossTerms = copied(output, target)
        assert again.total.item() == terms.total.item()


@pytest.mark.parametrize("name", ["classification", "head", "votes", "mse", "smoothing", "ccc", "pearson"])
def test_a_missing_part_is_named(name: str) -> None:
    features, target = batch()
    with pytest.raises(ValueError, match=r"lacks|give both"):
        LOSSES[name]()(AffectOutput(), target)
    with pytest.raises(ValueError, match=r"lacks|give both"):
        LOSSES[name]()(Heads()(features), Target(weight=target.weight))


def test_a_weight_of_another_shape_is_refused() -> None:
    features, target = batch()
    with pytest.raises(ValueError, match=r"\(12,\).*\(12, 3\)"):
        MSELoss()(Heads()(features), target._replace(weight=torch.ones(12)))


def rank_gradient(name: str, split: tuple[int, ...]) -> tuple[list[list[float]], float]:
    features, target = batch()
    rank = distributed.rank()
    start = sum(split[:rank])
    rows = slice(start, start + split[rank])
    heads = Heads()
    terms = summed(LOSSES[name](), heads, features[rows], part(target, rows))
    assert heads.weight.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    gradient = distributed.all_reduce_sum(heads.weight.grad) / window
    value = distributed.all_reduce_sum(terms.total * terms.weight) / window
    return gradient.tolist(), float(value)


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(6, 6), (9, 3), (12, 0)])
@pytest.mark.parametrize("name", LOSSES)
def test_two_ranks_give_the_gradient_of_one(run_ranks: RunRanks, name: str, split: tuple[int, int]) -> None:
    expected, value = rank_gradient(name, (12,))
    for gradient, total in run_ranks(rank_gradient, name, split):
        assert total == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(torch.tensor(gradient), torch.tensor(expected), rtol=0, atol=1e-12)
