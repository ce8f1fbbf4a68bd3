from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.functional import ccc, pearson

GOLDEN = Path(__file__).parents[1] / "golden"
X = torch.randn(9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.randn(9, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def naive(x: list[float], y: list[float]) -> float:
    n = len(x)
    mx, my = sum(x) / n, sum(y) / n
    vx, vy = sum((a - mx) ** 2 for a in x) / n, sum((b - my) ** 2 for b in y) / n
    covariance = sum((a - mx) * (b - my) for a, b in zip(x, y)) / n
    return 2 * covariance / (vx + vy + (mx - my) ** 2)


def test_matches_the_formula() -> None:
    expected = [naive(X[:, v].tolist(), Y[:, v].tolist()) for v in range(2)]
    torch.testing.assert_close(ccc(X, Y), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.golden
def test_population_moments_of_the_golden_vector() -> None:
    with np.load(GOLDEN / "emotiongcn_ccc.npz", allow_pickle=False) as arrays:
        outputs, labels = torch.from_numpy(arrays["outputs"]), torch.from_numpy(arrays["labels"])
        expected = torch.from_numpy(arrays["ccc_consistent"])
    torch.testing.assert_close(ccc(outputs, labels), expected, rtol=0, atol=1e-12)
    assert ccc(labels, labels).tolist() == pytest.approx([1.0, 1.0], abs=1e-12)


@pytest.mark.golden
def test_pooled_values_of_the_golden_vector() -> None:
    facts = json.loads((GOLDEN / "metrics_ccc.json").read_text(encoding="utf-8"))
    with np.load(GOLDEN / "metrics_ccc.npz", allow_pickle=False) as arrays:
        prediction = torch.from_numpy(np.stack([arrays["pv"], arrays["pa"]], -1))
        target = torch.from_numpy(np.stack([arrays["v"], arrays["a"]], -1))
    expected = [facts["CCC_V"], facts["CCC_A"]]
    assert ccc(prediction, target).tolist() == pytest.approx(expected, abs=1e-12)


def test_nan_targets_and_rows_of_weight_zero_are_left_out_with_no_gradient() -> None:
    target = Y.clone()
    target[2, 0] = math.nan
    weight = torch.ones(9)
    weight[5] = 0.0
    prediction = X.clone()
    prediction[5] = math.nan
    prediction.requires_grad_()
    value = ccc(prediction, target, weight)
    kept = [[i for i in range(9) if i not in (2, 5)], [i for i in range(9) if i != 5]]
    expected = [naive(X[rows, v].tolist(), Y[rows, v].tolist()) for v, rows in enumerate(kept)]
    assert value.tolist() == pytest.approx(expected, abs=1e-12)
    torch.autograd.backward(value.sum())
    assert prediction.grad is not None
    skipped = torch.zeros(9, 2, dtype=torch.bool)
    skipped[5], skipped[2, 0] = True, True
    assert torch.equal(prediction.grad == 0, skipped)


def test_gradient() -> None:
    target = Y.clone()
    target[2, 0] = math.nan

    def value(prediction: Tensor) -> Tensor:
        return ccc(prediction, target)

    assert torch.autograd.gradcheck(value, (X.clone().requires_grad_(),))


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
def test_constant_targets_give_zero_and_a_finite_gradient(constant: float) -> None:
    # Seven times 0.1 has a mean that is not 0.1 in single precision: the trap is rounding noise.
    target = torch.full((7, 1), constant)
    for start in (target.clone(), X[:7, :1].float()):
        prediction = start.requires_grad_()
        value = ccc(prediction, target)
        torch.autograd.backward(value.sum())
        assert prediction.grad is not None
        assert value.item() == 0.0
        assert prediction.grad.abs().max().item() == 0.0


def test_a_constant_prediction_is_zero_but_can_learn() -> None:
    prediction = torch.full((9, 1), 0.1, requires_grad=True)
    value = ccc(prediction, Y[:, :1].float())
    torch.autograd.backward(value.sum())
    assert prediction.grad is not None
    assert value.item() == pytest.approx(0.0, abs=1e-6)
    assert prediction.grad.abs().max().item() > 0.01


def test_no_rows_and_nothing_annotated_give_zero_that_keeps_the_graph() -> None:
    for rows in (0, 1, 3):
        prediction = torch.randn(rows, 2, requires_grad=True)
        value = ccc(prediction, torch.full((rows, 2), math.nan))
        assert value.tolist() == [0.0, 0.0]
        torch.autograd.backward(value.sum())
        assert prediction.grad is not None


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(9, 2\).*\(9, 1\)"):
        ccc(X, Y[:, :1])


@pytest.mark.golden
def test_mixed_moments_are_those_of_the_official_code() -> None:
    with np.load(GOLDEN / "emotiongcn_ccc.npz", allow_pickle=False) as arrays:
        outputs, labels = torch.from_numpy(arrays["outputs"]), torch.from_numpy(arrays["labels"])
        expected = torch.from_numpy(arrays["ccc_official"])
    torch.testing.assert_close(ccc(outputs, labels, mixed_moments=True), expected, rtol=0, atol=1e-12)


def test_weights_weigh_rows_only_where_asked_to() -> None:
    times = torch.tensor([1, 2, 0, 3, 1, 1, 0, 2, 1])
    repeated = [tensor.repeat_interleave(times, 0) for tensor in (X, Y)]
    weight = times.double()
    torch.testing.assert_close(ccc(X, Y, weight, weighted=True), ccc(*repeated), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="choose one of the two"):
        ccc(X, Y, weight, weighted=True, mixed_moments=True)
    kept = times > 0
    torch.testing.assert_close(ccc(X, Y, weight), ccc(X[kept], Y[kept]), rtol=0, atol=1e-12)
    # Only the ratio of weights counts.
    torch.testing.assert_close(ccc(X, Y, 7 * weight, weighted=True), ccc(*repeated), rtol=0, atol=1e-12)
    torch.testing.assert_close(pearson(X, Y, weight, weighted=True), pearson(*repeated), rtol=0, atol=1e-12)
