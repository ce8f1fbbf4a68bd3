"""Cross entropy over bins."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.losses import BinnedDimensionLoss
from affectkit.types import AffectOutput, LossTerms, Target


def test_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    bins = torch.randn(2, 4, 2, 3, generator=generator, requires_grad=True)
    dims = 2 * torch.rand(2, 4, 2, generator=generator) - 1
    dims[0, 0, 0] = dims[1, 2, 0] = dims[1, 2, 1] = math.nan
    weight = torch.tensor([[1.0, 1.0, 0.0, 2.0], [1.0, 1.0, 1.0, 0.0]])
    output = AffectOutput(dims=torch.zeros(2, 4, 2), extra={"bins": bins})
    terms: LossTerms = BinnedDimensionLoss((-1.0, 1.0))(output, Target(dims=dims, weight=weight))
    total, rows = 0.0, 0
    for b in range(2):
        for u in range(4):
            each = []
            for v in range(2):
                value = float(dims[b, u, v])
                if not math.isnan(value):
                    place = min(2, int((value + 1) / 2 * 3))
                    each.append(-float(bins[b, u, v].detach().log_softmax(-1)[place]))
            if each and weight[b, u] > 0:
                total, rows = total + float(weight[b, u]) * sum(each) / len(each), rows + 1
    assert float(terms.weight) == rows
    assert float(terms.total.detach()) == pytest.approx(total / rows, rel=1e-6)
    torch.autograd.backward(terms.total)
    assert bins.grad is not None and bool(bins.grad.isfinite().all())
    assert not bins.grad[0, 0, 0].any() and not bins.grad[1, 2].any() and bool(bins.grad[0, 0, 1].any())


def test_what_is_not_there_is_named() -> None:
    loss = BinnedDimensionLoss((-1.0, 1.0))
    with pytest.raises(ValueError, match=r"reads extra\['bins'\]"):
        loss(AffectOutput(dims=torch.zeros(2, 2)), Target(dims=torch.zeros(2, 2)))
    with pytest.raises(ValueError, match="low < high"):
        BinnedDimensionLoss((1.0, 1.0))
