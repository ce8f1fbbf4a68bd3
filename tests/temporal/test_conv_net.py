"""Convolutions over time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.temporal import FrameToClip, TemporalConvNet
from affectkit.types import AffectOutput


def naive(net: TemporalConvNet, x: Tensor) -> Tensor:
    """One clip without padding, place by place."""
    state = x
    for number, shortcut in enumerate(net.shortcuts):
        inner = state
        for convolution in net.convolutions[2 * number : 2 * number + 2]:
            assert isinstance(convolution, torch.nn.Conv1d) and convolution.bias is not None
            size, step = convolution.kernel_size[0], convolution.dilation[0]
            first = -(size - 1) * step if net.context == "past" else -(size - 1) * step // 2
            rows = []
            for place in range(len(inner)):
                total = convolution.bias.clone()
                for tap in range(size):
                    seen = place + first + tap * step
                    if 0 <= seen < len(inner):
                        total = total + convolution.weight[:, :, tap] @ inner[seen]
                rows.append(total.relu())
            inner = torch.stack(rows)
        kept: Tensor = state if isinstance(shortcut, torch.nn.Identity) else shortcut(state.T).T
        state = (inner + kept).relu()
    return state


@pytest.mark.parametrize("context", ["past", "both"])
def test_against_place_by_place(context: str) -> None:
    torch.manual_seed(0)
    net = TemporalConvNet(3, (5, 5, 4), context=context)  # type: ignore[arg-type]
    x = torch.randn(2, 12, 3)
    mask = torch.arange(12) < torch.tensor([[12], [7]])
    found = net(x.masked_fill(~mask.unsqueeze(-1), torch.nan), mask)
    with torch.no_grad():
        for row, length in enumerate((12, 7)):
            torch.testing.assert_close(found.pooled[row, :length], naive(net, x[row, :length]))
    assert not found.pooled[1, 7:].any() and found.mask is mask and net.out_dim == 4


def test_the_past_alone() -> None:
    torch.manual_seed(0)
    net = TemporalConvNet(3, (4, 4))
    x = torch.randn(1, 10, 3)
    other = x.clone()
    other[0, 6] += 1
    moved = (net(x).pooled != net(other).pooled).any(dim=-1)[0].tolist()
    assert not any(moved[:6]) and moved[6]


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one block"):
        TemporalConvNet(3, ())
    with pytest.raises(ValueError, match="odd size"):
        TemporalConvNet(3, (4,), kernel_size=2, context="both")
    with pytest.raises(ValueError, match=r"give \(B, T, 3\)"):
        TemporalConvNet(3, (4,))(torch.zeros(2, 4, 5))
    with pytest.raises(ValueError, match="rule='most'"):
        FrameToClip("most")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="without logits"):
        FrameToClip()(AffectOutput(dims=torch.zeros(1, 2, 2)))
