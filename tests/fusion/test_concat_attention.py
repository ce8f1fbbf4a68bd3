from __future__ import annotations

import pytest
import torch

from affectkit.fusion import ConcatAttentionFusion
from affectkit.types import Encoding


def test_weights_are_shared_among_what_is_there() -> None:
    torch.manual_seed(0)
    fusion = ConcatAttentionFusion({"visual": 5, "audio": 3}, 2)
    parts = {"visual": Encoding(torch.randn(3, 5)), "audio": Encoding(torch.randn(3, 3))}
    present = {"visual": torch.tensor([True, True, False]), "audio": torch.tensor([True, False, False])}
    result = fusion(parts, present).pooled
    audio, visual = fusion.projections
    joined = torch.cat([audio(parts["audio"].pooled[0]), visual(parts["visual"].pooled[0])])
    torch.testing.assert_close(result[0], torch.softmax(fusion.scores(joined), 0) * joined)
    alone = torch.cat([torch.zeros(2), visual(parts["visual"].pooled[1])])
    shares = torch.softmax(fusion.scores(alone)[2:], 0)
    torch.testing.assert_close(result[1], torch.cat([torch.zeros(2), shares * alone[2:]]))
    assert not result[2].any()
    with pytest.raises(ValueError, match="dim=0"):
        ConcatAttentionFusion({"visual": 5}, 0)
