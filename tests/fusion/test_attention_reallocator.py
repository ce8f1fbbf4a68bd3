from __future__ import annotations

import pytest
import torch
from torch import nn

from affectkit.fusion import AttentionReallocator


def test_attached_to_a_softmax_it_moves_attention_in_evaluation_only() -> None:
    softmax = nn.Softmax(dim=-1)
    scores = torch.tensor([[[3.0, 2.0, 0.0, 1.0], [0.0, 0.0, 3.0, 1.0]]])
    plain = softmax(scores)
    handle = AttentionReallocator(over=(0, 2), under=(2, 3), threshold=0.6, factor=0.5).attach(softmax)
    assert torch.equal(softmax(scores), plain)
    softmax.eval()
    moved = softmax(scores)
    torch.testing.assert_close(moved.sum(-1), torch.ones(1, 2))
    torch.testing.assert_close(moved[0, 0, :2], plain[0, 0, :2] / 2)
    torch.testing.assert_close(moved[0, 0, 2], plain[0, 0, 2] + plain[0, 0, :2].sum() / 2)
    assert moved[0, 0, 3] == plain[0, 0, 3]
    # The second query looks at the face most of all already.
    assert torch.equal(moved[0, 1], plain[0, 1])
    handle.remove()
    assert torch.equal(softmax(scores), plain)


def test_bad_spans_are_named() -> None:
    with pytest.raises(ValueError, match=r"over=\(2, 2\)"):
        AttentionReallocator(over=(2, 2), under=(0, 1))
    with pytest.raises(ValueError, match="which overlap"):
        AttentionReallocator(over=(0, 3), under=(2, 4))
    with pytest.raises(ValueError, match=r"factor=1\.5"):
        AttentionReallocator(over=(0, 1), under=(1, 2), factor=1.5)
