from __future__ import annotations

import pytest
import torch

from affectkit.functional import thin_presence


def test_it_equals_a_loop_and_rates_are_nested() -> None:
    generator = torch.Generator().manual_seed(0)
    present = torch.rand(200, 3, generator=generator) < 0.7
    draws = torch.rand(200, 3, generator=generator)
    before = present
    for rate in (0.0, 0.2, 0.5, 0.9, 1.0):
        kept = thin_presence(present, draws, rate=rate)
        for row in range(200):
            there = [place for place in range(3) if present[row, place]]
            left = {place for place in there if draws[row, place] >= rate}
            if there:
                left.add(max(there, key=lambda place: float(draws[row, place])))
            assert set(kept[row].nonzero().flatten().tolist()) == left
        assert not bool((kept & ~before).any())
        before = kept
    assert torch.equal(thin_presence(present, draws, rate=0.0), present)
    assert torch.equal(thin_presence(present, draws, rate=1.0).sum(-1), present.any(-1).long())


def test_a_rate_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"rate=1\.5: give a probability"):
        thin_presence(torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 2), rate=1.5)
