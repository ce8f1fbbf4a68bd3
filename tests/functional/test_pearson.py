from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.functional import pearson

X = torch.randn(9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.randn(9, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_matches_numpy_without_the_absent_rows() -> None:
    target = Y.clone()
    target[3] = math.nan
    kept = [i for i in range(9) if i != 3]
    expected = [float(np.corrcoef(X[kept, v].numpy(), Y[kept, v].numpy())[0, 1]) for v in range(2)]
    assert pearson(X, target).tolist() == pytest.approx(expected, abs=1e-12)


def test_gradient() -> None:
    def value(prediction: Tensor) -> Tensor:
        return pearson(prediction, Y)

    assert torch.autograd.gradcheck(value, (X.clone().requires_grad_(),))


@pytest.mark.parametrize("side", ["prediction", "target"])
def test_a_constant_side_gives_zero_and_no_gradient(side: str) -> None:
    constant, other = torch.full((7, 1), 0.1), X[:7, :1].float()
    prediction = (constant if side == "prediction" else other).clone().requires_grad_()
    value = pearson(prediction, other if side == "prediction" else constant)
    torch.autograd.backward(value.sum())
    assert prediction.grad is not None
    assert value.item() == 0.0
    assert prediction.grad.abs().max().item() == 0.0


def test_a_diverged_prediction_does_not_pass_for_a_constant() -> None:
    assert math.isnan(pearson(torch.full((9, 2), math.nan), Y)[0].item())
