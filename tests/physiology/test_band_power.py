"""Band power by name: units, gaps, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.functional import band_power
from affectkit.physiology import BandPower

SECONDS = torch.arange(64 * 4, dtype=torch.float64) / 64


def test_it_is_the_function_with_names() -> None:
    signal = torch.randn(2, 3, 256, generator=torch.Generator().manual_seed(0))
    module = BandPower(64, bands={"slow": (1, 8), "fast": (8, 30)}, window_seconds=2.0)
    assert module.names == ("slow", "fast")
    expected = band_power(signal, 64, bands=[(1, 8), (8, 30)], window_seconds=2.0)
    torch.testing.assert_close(module(signal), expected, rtol=0, atol=0)


def test_a_wave_of_ten_microvolt_has_fifty_square_microvolt() -> None:
    power = BandPower(64)(10 * torch.sin(2 * math.pi * 10 * SECONDS))
    assert power.tolist() == pytest.approx([0.0, 50.0, 0.0], abs=1e-6)


def test_windows_with_a_gap_are_left_out_as_if_they_were_not_recorded() -> None:
    signal = torch.randn(256, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    cut = signal.clone()
    cut[100:110] = torch.nan  # in the windows that begin at 64 and 96
    found = BandPower(64, gaps="skip")(cut)
    # naive: each window of a second, overlapping by half, that is whole
    starts = [start for start in range(0, 256 - 63, 32) if not cut[start : start + 64].isnan().any()]
    assert starts == [0, 32, 128, 160, 192]
    each = [BandPower(64)(signal[start : start + 64]) for start in starts]
    torch.testing.assert_close(found, torch.stack(each).mean(0))
    whole = BandPower(64, gaps="skip")(signal)
    torch.testing.assert_close(whole, BandPower(64)(signal))


def test_refusals() -> None:
    signal = torch.zeros(2, 256)
    signal[1, ::32] = torch.nan
    with pytest.raises(ValueError, match="a signal with 8 NaN: repair the recording"):
        BandPower(64)(signal)
    with pytest.raises(ValueError, match="1 of 2 signals with a gap in every window of 1 s"):
        BandPower(64, gaps="skip")(signal)
    with pytest.raises(ValueError, match="0 bands"):
        BandPower(64, bands={})
