from __future__ import annotations

import torch

from affectkit.encoders import MaskedBatchNorm


def test_statistics_are_those_of_the_real_frames() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 7, 5) * 3 + 2
    mask = torch.arange(7) < torch.tensor([7, 3, 1]).unsqueeze(1)
    norm = MaskedBatchNorm(4)
    torch.nn.init.normal_(norm.norm.weight)
    torch.nn.init.normal_(norm.norm.bias)
    found = norm(x, mask)
    wanted = torch.zeros_like(x)
    for channel in range(4):
        real = torch.cat([x[b, channel, t] for b in range(3) for t in range(7) if mask[b, t]])
        scaled = (x[:, channel] - real.mean()) / (real.var(correction=0) + 1e-5).sqrt()
        changed = scaled * norm.norm.weight[channel] + norm.norm.bias[channel]
        wanted[:, channel] = changed * mask.unsqueeze(2)
        assert norm.norm.running_mean is not None
        torch.testing.assert_close(norm.norm.running_mean[channel], 0.1 * real.mean())
    torch.testing.assert_close(found, wanted)


def test_more_filling_changes_nothing() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6)
    whole = torch.ones(2, 6, dtype=torch.bool)
    longer = torch.nn.functional.pad(x, (0, 4), value=50.0)
    mask = torch.nn.functional.pad(whole, (0, 4))
    torch.testing.assert_close(MaskedBatchNorm(3)(longer, mask)[..., :6], MaskedBatchNorm(3)(x, whole))


def test_one_frame_and_none_are_judged_by_what_was_seen_before() -> None:
    norm = MaskedBatchNorm(3)
    one = torch.arange(3.0).reshape(1, 3, 1)
    torch.testing.assert_close(norm(one, torch.ones(1, 1, dtype=torch.bool)), one / (1 + 1e-5) ** 0.5)
    assert not norm(one, torch.zeros(1, 1, dtype=torch.bool)).any()
