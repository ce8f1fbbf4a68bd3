"""Compound emotions from basic ones."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.functional import CompoundRule, compound_scores

PAIRS = [(0, 1), (2, 1), (3, 0)]


@pytest.mark.parametrize("rule", ["product", "sum", "min"])
def test_against_a_loop(rule: CompoundRule) -> None:
    logits = 3 * torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = compound_scores(logits, PAIRS, rule=rule)
    assert found.shape == (2, 5, 3)
    for b in range(2):
        for u in range(5):
            chances = [math.exp(float(v)) for v in logits[b, u]]
            chances = [value / sum(chances) for value in chances]
            wanted = []
            for first, second in PAIRS:
                one, other = chances[first], chances[second]
                by_rule = {"product": one * other, "sum": (one + other) / 2, "min": min(one, other)}
                wanted.append(math.log(by_rule[rule]))
            assert found[b, u].tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("rule", ["product", "sum", "min"])
def test_vanishing_chances_have_gradients(rule: CompoundRule) -> None:
    logits = torch.tensor([200.0, -200.0, -200.0, -199.0], requires_grad=True)
    scores = compound_scores(logits, PAIRS, rule=rule)
    assert bool(scores.isfinite().all())
    torch.autograd.backward(scores.sum())
    assert logits.grad is not None and bool(logits.grad.isfinite().all())


@pytest.mark.parametrize("pairs", [[], [(0, 4)], [(-1, 0)]])
def test_pairs_that_do_not_exist_are_refused(pairs: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"at least one pair of indices in 0\.\.3"):
        compound_scores(torch.zeros(4), pairs)
    with pytest.raises(ValueError, match="rule='max'"):
        compound_scores(torch.zeros(4), PAIRS, rule="max")  # type: ignore[arg-type]
