from __future__ import annotations

import math

import torch
from torch import Tensor

from affectkit.functional import has_votes, vote_cross_entropy_rows

LOGITS = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
VOTES = torch.tensor([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, math.nan, 2.0], [0.2, 0.3, 0.5]]).double()


def test_matches_the_formula_and_skips_absent_votes() -> None:
    expected = []
    for scores, votes in zip(LOGITS.tolist(), VOTES.tolist()):
        total = sum(votes)
        log_sum = math.log(sum(math.exp(score) for score in scores))
        absent = math.isnan(total) or total == 0
        row = 0.0 if absent else -sum(v / total * (s - log_sum) for s, v in zip(scores, votes))
        expected.append(row)
    assert has_votes(VOTES).tolist() == [True, False, False, True]
    rows = vote_cross_entropy_rows(LOGITS, VOTES)
    torch.testing.assert_close(rows, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


def test_gradient_is_right_and_exactly_zero_on_absent_rows() -> None:
    logits = LOGITS.clone()
    logits[1] = math.nan
    logits.requires_grad_()
    torch.autograd.backward(vote_cross_entropy_rows(logits, VOTES).sum())
    assert logits.grad is not None
    assert bool((logits.grad[1:3] == 0).all())

    def loss(scores: Tensor) -> Tensor:
        return vote_cross_entropy_rows(scores, VOTES)

    assert torch.autograd.gradcheck(loss, (LOGITS.clone().requires_grad_(),))
