from __future__ import annotations

import pytest
import torch

from affectkit.functional import reallocated_attention

OVER = torch.tensor([True, True, False, False, False])
UNDER = torch.tensor([False, False, True, True, False])


def test_rows_equal_a_loop_and_sum_to_one() -> None:
    attention = torch.softmax(2 * torch.randn(50, 5, generator=torch.Generator().manual_seed(0)), -1).double()
    result = reallocated_attention(attention, OVER, UNDER, threshold=0.6, factor=0.7)
    moved = 0
    for before, after in zip(attention.tolist(), result.tolist()):
        over, under = before[0] + before[1], before[2] + before[3]
        expected = list(before)
        if over / (over + under) > 0.6:
            moved += 1
            given = 0.3 * over
            expected = [0.7 * before[0], 0.7 * before[1]]
            expected += [value + given * value / under for value in before[2:4]] + [before[4]]
        assert after == pytest.approx(expected)
    assert 0 < moved < 50
    torch.testing.assert_close(result.sum(-1), attention.sum(-1))


def test_nothing_is_given_to_a_span_without_attention() -> None:
    attention = torch.tensor([0.5, 0.3, 0.0, 0.0, 0.2])
    assert torch.equal(reallocated_attention(attention, OVER, UNDER, threshold=0.5, factor=0.5), attention)


def test_bad_input_is_named() -> None:
    attention = torch.full((1, 5), 0.2)
    with pytest.raises(ValueError, match="none in both spans"):
        reallocated_attention(attention, OVER, OVER, threshold=0.5, factor=0.5)
    with pytest.raises(ValueError, match="for 5 tokens"):
        reallocated_attention(attention, OVER[:4], UNDER[:4], threshold=0.5, factor=0.5)
    with pytest.raises(ValueError, match="factor=2"):
        reallocated_attention(attention, OVER, UNDER, threshold=0.5, factor=2)


def test_a_span_with_hardly_any_attention_does_not_overflow_in_half_precision() -> None:
    attention = torch.tensor([0.9, 0.1, 6e-8, 0.0], dtype=torch.float16)
    over, under = torch.tensor([True, False, False, False]), torch.tensor([False, False, True, True])
    moved = reallocated_attention(attention, over, under, threshold=0.6, factor=0.8)
    torch.testing.assert_close(moved.float(), torch.tensor([0.72, 0.1, 0.18, 0.0]), rtol=0.01, atol=1e-3)
