"""A bottleneck behind stored features."""

from __future__ import annotations

import pytest
import torch

from affectkit.adapters import ClipFeatureAdapter, ResidualBottleneckEncoder
from affectkit.encoders.clip import clip_base
from affectkit.types import AffectOutput, Encoding


def test_it_is_the_formula_and_the_adapter_of_clip_features() -> None:
    adapter = ClipFeatureAdapter(clip_base("tiny"), ["joy", "anger"], ratio=0.3, reduction=8)
    encoder = ResidualBottleneckEncoder(32, ratio=0.3, reduction=8)
    encoder.adapter.load_state_dict(adapter.adapter.state_dict())
    x = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(5, dtype=torch.bool)
    found: Encoding = encoder(x, mask)
    first, second = encoder.adapter[0].weight, encoder.adapter[2].weight
    assert isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor) and len(first) == 4
    by_hand = 0.3 * ((x @ first.T).clamp(min=0) @ second.T).clamp(min=0) + 0.7 * x
    torch.testing.assert_close(found.pooled, by_hand)
    output: AffectOutput = adapter(Encoding(x))
    assert output.embedding is not None and found.mask is mask
    torch.testing.assert_close(found.pooled, output.embedding)


def test_other_widths_and_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="in_dim=4 got features of width 3: set in_dim"):
        ResidualBottleneckEncoder(4)(torch.zeros(2, 3))
    for wrong in ({"ratio": 0.0}, {"ratio": 1.1}, {"reduction": 0}):
        with pytest.raises(ValueError, match="give whole numbers of 1 or more, and a share above 0"):
            ResidualBottleneckEncoder(4, **wrong)
