from __future__ import annotations

import pytest
import torch

from affectkit.temporal import FrameMean


def test_the_mean_of_the_real_frames() -> None:
    x = torch.randn(3, 5, 4)
    mask = torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    hidden = x.masked_fill(~mask.unsqueeze(-1), torch.nan)
    found = FrameMean(4)(hidden, mask).pooled
    expected = [x[0, [0, 1, 3]].mean(0), torch.zeros(4), x[2].mean(0)]
    torch.testing.assert_close(found, torch.stack(expected))
    torch.testing.assert_close(FrameMean(4)(x).pooled, x.mean(1))


def test_what_a_masked_frame_holds_reaches_no_gradient() -> None:
    x = torch.tensor([[[1.0], [torch.inf]]], requires_grad=True)
    torch.autograd.backward(FrameMean(1)(x, torch.tensor([[True, False]])).pooled.sum())
    assert x.grad is not None and x.grad.flatten().tolist() == [1.0, 0.0]


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 4\): give \(B, T, 4\)"):
        FrameMean(4)(torch.zeros(2, 4))
