from __future__ import annotations

import math

import pytest
import torch

from affectkit.functional import gate_balance, masked_softmax


def test_with_everything_present_it_is_log_m_minus_the_entropy_of_the_mean() -> None:
    shares = torch.softmax(torch.randn(7, 3, generator=torch.Generator().manual_seed(0)).double(), -1)
    mean = shares.mean(0)
    expected = math.log(3) + float((mean * mean.log()).sum())
    found = gate_balance(shares, torch.ones(7, 3, dtype=torch.bool))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_what_cannot_be_shared_is_no_unfairness() -> None:
    present = torch.tensor([[True, False, False], [True, True, False], [False, False, False]])
    fair = masked_softmax(torch.zeros(3, 3), present)
    assert abs(float(gate_balance(fair, present))) < 1e-6
    unfair = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    # The mean gate is (1, 0), the fair one (3/4, 1/4).
    torch.testing.assert_close(gate_balance(unfair, present), torch.tensor(math.log(4 / 3)))
    assert gate_balance(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)) == 0


def test_gradients_are_finite_where_a_share_is_zero() -> None:
    scores = torch.tensor([[3.0, 0.0], [2.0, 0.0]], requires_grad=True)
    present = torch.tensor([[True, False], [True, True]])
    torch.autograd.backward(gate_balance(masked_softmax(scores, present), present))
    assert scores.grad is not None and bool(scores.grad.isfinite().all()) and bool(scores.grad[1].any())


def test_a_gate_that_has_collapsed_still_has_a_gradient() -> None:
    scores = torch.tensor([[200.0, 0.0], [200.0, 0.0]], requires_grad=True)
    loss = gate_balance(torch.softmax(scores, dim=-1), torch.ones(2, 2, dtype=torch.bool))
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert scores.grad is not None and bool(scores.grad.isfinite().all())
