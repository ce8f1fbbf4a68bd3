from __future__ import annotations

import pytest
import torch

from affectkit.fusion import FeatureTokenAttention
from affectkit.types import Encoding

WIDTHS = {"motion": 5, "voice": 3, "look": 4}


def test_it_equals_self_attention_over_the_tokens_that_are_there() -> None:
    torch.manual_seed(0)
    fusion = FeatureTokenAttention(WIDTHS, 4, num_heads=2, num_layers=2)
    parts = {name: Encoding(torch.randn(3, width)) for name, width in WIDTHS.items()}
    present = {
        "motion": torch.tensor([True, True, False]),
        "voice": torch.tensor([True, False, False]),
        "look": torch.tensor([True, True, False]),
    }
    result = fusion(parts, present).pooled
    names = sorted(WIDTHS)
    for row in range(2):
        here = [place for place, name in enumerate(names) if bool(present[name][row])]
        tokens = torch.stack([fusion.projections[place](parts[names[place]].pooled[row]) for place in here])[
            None
        ]
        for layer in range(2):
            normed = fusion.attention_norms[layer](tokens)
            attention = fusion.attentions[layer].attention
            assert isinstance(attention, torch.nn.MultiheadAttention)
            tokens = tokens + attention(normed, normed, normed)[0]
            tokens = tokens + torch.relu(fusion.feeds[layer](fusion.feed_norms[layer](tokens)))
        torch.testing.assert_close(result[row], tokens[0].mean(0))
    assert not result[2].any()


def test_it_drops_out_in_training_only_and_wants_a_layer() -> None:
    fusion = FeatureTokenAttention(WIDTHS, 4, num_heads=2, dropout=0.5)
    parts = {name: Encoding(torch.ones(1, width)) for name, width in WIDTHS.items()}
    assert not torch.equal(fusion(parts).pooled, fusion(parts).pooled)
    fusion.eval()
    assert torch.equal(fusion(parts).pooled, fusion(parts).pooled)
    with pytest.raises(ValueError, match="num_layers=0"):
        FeatureTokenAttention(WIDTHS, 4, num_layers=0)
