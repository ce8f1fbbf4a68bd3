from __future__ import annotations

import pytest
import torch

from affectkit.encoders import SpectrogramMasking


def test_hides_stretches_within_each_recording_in_training_only() -> None:
    torch.manual_seed(0)
    frames = torch.ones(64, 50, 20)
    mask = torch.arange(50) < torch.tensor([50, 20]).repeat(32).unsqueeze(1)
    hide = SpectrogramMasking(time_masks=1, time_share=0.5, band_masks=0)
    hidden = hide(frames, mask) == 0
    assert torch.equal(hidden.any(dim=2), hidden.all(dim=2))  # whole frames
    times = hidden[:, :, 0]
    assert not times[~mask].any()  # what is no recording needs no hiding
    runs = times.int().diff(dim=1).eq(1).sum(dim=1) + times[:, 0].int()
    assert int(runs.max()) == 1
    widths = times.sum(dim=1)
    assert int(widths[::2].max()) <= 26 and int(widths[1::2].max()) <= 11
    assert float(widths[::2].float().mean()) == pytest.approx(12.5, abs=3.0)
    assert torch.equal(hide.eval()(frames, mask), frames)


def test_hides_bands_and_repeats_with_the_random_state() -> None:
    hide = SpectrogramMasking(time_masks=0, band_masks=2, band_share=0.3)
    torch.manual_seed(3)
    first = hide(torch.ones(8, 30, 20))
    hidden = first == 0
    assert torch.equal(hidden.any(dim=1), hidden.all(dim=1)) and hidden.any()
    torch.manual_seed(3)
    assert torch.equal(hide(torch.ones(8, 30, 20)), first)


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"give numbers from 0 and shares in \[0, 1\]"):
        SpectrogramMasking(time_share=1.5)
