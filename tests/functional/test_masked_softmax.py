from __future__ import annotations

import torch

from affectkit.functional import masked_softmax


def test_it_is_a_softmax_over_what_is_there() -> None:
    scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]]).bool()
    for dim in (-1, 0):
        result = masked_softmax(scores, mask, dim=dim)
        lines = zip(result.unbind(1 + dim), scores.unbind(1 + dim), mask.unbind(1 + dim))
        for line, score, there in lines:
            torch.testing.assert_close(line[there], torch.softmax(score[there], 0))
            assert not line[~there].any()
    torch.autograd.backward(masked_softmax(scores, mask).square().sum())
    assert scores.grad is not None and not scores.grad[~mask].any() and bool(scores.grad.isfinite().all())
