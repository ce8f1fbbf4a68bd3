from __future__ import annotations

import math
from pathlib import Path

import numpy as np
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


@pytest.mark.golden
def test_mixed_moments_reproduce_the_official_loss_and_its_gradient() -> None:
    path = Path(__file__).parents[1] / "golden" / "emotiongcn_ccc.npz"
    with np.load(path, allow_pickle=False) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    outputs = golden["outputs"].clone().requires_grad_()
    loss = CCCLoss(mixed_moments=True)
    terms: LossTerms = loss(AffectOutput(dims=outputs), Target(dims=golden["labels"]))
    torch.autograd.backward(terms.total)
    torch.testing.assert_close(terms.total, golden["loss"], rtol=0, atol=1e-12)
    assert outputs.grad is not None
    torch.testing.assert_close(outputs.grad, golden["grad_outputs"], rtol=0, atol=1e-12)
    same: LossTerms = loss(AffectOutput(dims=golden["labels"]), Target(dims=golden["labels"]))
    torch.testing.assert_close(same.total, golden["loss_when_identical"], rtol=0, atol=1e-12)


def test_row_weights_weigh_moments_only_where_asked_to() -> None:
    weight = torch.tensor([2.0, 1, 1, 0, 3, 1, 1, 1, 2, 1])
    target = Target(dims=Y, weight=weight)
    plain: LossTerms = CCCLoss()(AffectOutput(dims=X), target)
    weighed: LossTerms = CCCLoss(weighted=True)(AffectOutput(dims=X), target)
    times = weight.long()
    assert plain.total.item() == pytest.approx(value(X[times > 0], Y[times > 0]), abs=1e-12)
    repeated = value(X.repeat_interleave(times, 0), Y.repeat_interleave(times, 0))
    assert weighed.total.item() == pytest.approx(repeated, abs=1e-12)
    assert float(plain.weight) == float(weighed.weight) == 9.0


def test_a_batch_without_annotation_has_no_weight_in_an_accumulated_step() -> None:
    terms: LossTerms = CCCLoss()(AffectOutput(dims=X), Target(dims=torch.full_like(Y, math.nan)))
    assert terms.total.item() == 0.0 and float(terms.weight) == 0.0


def test_a_named_head_is_compared_with_its_own_values() -> None:
    output = AffectOutput(dims=torch.zeros(10, 1), extra={"mood": X})
    terms: LossTerms = CCCLoss(head="mood")(output, Target(extra={"mood": Y}))
    assert terms.total.item() == value(X, Y) and set(terms.terms) == {"ccc_mood"}
    with pytest.raises(ValueError, match="CCCLoss compares the extra 'other'"):
        CCCLoss(head="other")(output, Target(extra={"mood": Y}))
