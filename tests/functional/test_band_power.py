from __future__ import annotations

import cmath
import math

import pytest
import torch

from affectkit.functional import band_power

BANDS = [(1.0, 4.0), (4.0, 8.0), (8.0, 13.0)]
SIGNAL = torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 4.0


def naive(samples: list[float], rate: int, bands: list[tuple[float, float]]) -> list[float]:
    """Windows of one second, sample by sample and frequency by frequency."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * place / rate) for place in range(rate)]
    starts = range(0, len(samples) - rate + 1, rate // 2)
    totals = [0.0] * len(bands)
    for start in starts:
        piece = samples[start : start + rate]
        mean = sum(piece) / rate
        piece = [(value - mean) * weight for value, weight in zip(piece, window)]
        for k in range(rate // 2 + 1):
            wave = sum(v * cmath.exp(-2j * math.pi * k * n / rate) for n, v in enumerate(piece))
            times = 1 if k == 0 or 2 * k == rate else 2
            density = times * abs(wave) ** 2 / (rate * sum(weight**2 for weight in window))
            for place, (low, high) in enumerate(bands):
                if low <= k < high:
                    totals[place] += density / len(starts)
    return totals


@pytest.mark.parametrize("rate", [16, 17])
def test_it_equals_a_loop_over_windows_and_frequencies(rate: int) -> None:
    bands = [(0.0, 3.0), (3.0, 6.0), (6.0, 9.0)]  # 8 Hz is the last frequency at both rates
    power = band_power(SIGNAL, rate, bands=bands)
    assert power.shape == (2, 3, 3) and power.dtype == torch.float64
    for place in ((0, 0), (1, 2)):
        expected = naive(SIGNAL[place].tolist(), rate, bands)
        assert power[place].tolist() == pytest.approx(expected, rel=1e-9)


def test_it_agrees_with_scipy() -> None:
    signals = pytest.importorskip("scipy.signal")
    frequency, density = signals.welch(SIGNAL.numpy(), 25, nperseg=25, noverlap=13, window="hann")
    power = band_power(SIGNAL, 25, bands=BANDS)
    for place, (low, high) in enumerate(BANDS):
        inside = (frequency >= low) & (frequency < high)
        expected = torch.from_numpy(density[..., inside].sum(-1))
        torch.testing.assert_close(power[..., place], expected, rtol=1e-6, atol=0)


def test_a_sine_has_half_its_square_in_its_band_alone() -> None:
    sine = 3 * torch.sin(2 * torch.pi * 6 * torch.arange(512) / 64)
    assert band_power(sine, 64, bands=BANDS).tolist() == pytest.approx([0.0, 4.5, 0.0], abs=1e-4)
    # Longer windows resolve what lies between whole frequencies.
    low = 2 * torch.sin(2 * torch.pi * 2.5 * torch.arange(512) / 64)
    found = band_power(low, 64, bands=[(2.0, 3.25)], window_seconds=4.0)
    assert found.item() == pytest.approx(2.0, abs=1e-4)


def test_the_band_that_a_signal_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"50 samples for windows of 1 s at 64 Hz, i\.e\. 64"):
        band_power(SIGNAL, 64, bands=BANDS)
    with pytest.raises(ValueError, match=r"the band 8\.\.13 Hz holds no such frequency"):
        band_power(SIGNAL, 14, bands=BANDS)
    with pytest.raises(ValueError, match=r"the band 1\.2\.\.1\.8 Hz"):
        band_power(SIGNAL, 25, bands=[(1.2, 1.8)])


def test_half_precision_around_it_does_not_reach_it() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        power = band_power(SIGNAL.float(), 25, bands=BANDS)
    torch.testing.assert_close(power, band_power(SIGNAL, 25, bands=BANDS).float(), rtol=1e-5, atol=0)
