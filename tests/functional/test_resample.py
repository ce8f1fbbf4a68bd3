from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.functional import resample


def tone(hertz: float, rate: int, seconds: float = 0.5) -> Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize(("rate", "new"), [(22050, 16000), (8000, 16000), (48000, 16000), (44100, 22050)])
def test_a_tone_stays_the_same_tone(rate: int, new: int) -> None:
    found = resample(tone(440.0, rate), rate, new)
    wanted = tone(440.0, new)
    assert len(found) == math.ceil(int(rate * 0.5) * new / rate)
    middle = slice(100, len(wanted) - 100)
    torch.testing.assert_close(found[middle], wanted[middle], rtol=0.0, atol=2e-3)


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    found = resample(tone(7000.0, 22050), 22050, 8000)
    assert float(found[100:-100].abs().max()) < 5e-3
    assert float(resample(tone(3000.0, 22050), 22050, 8000)[100:-100].abs().max()) > 0.99


def test_equals_a_sum_over_all_samples_at_odd_rates() -> None:
    samples = torch.rand(60, generator=torch.Generator().manual_seed(0)) - 0.5
    found = resample(samples, 101, 67, zero_crossings=6)
    cut = 0.95 * 67 / 101
    for place, value in enumerate(found.tolist()):
        taps = []
        for n in range(-40, 100):
            t = cut * (n - place * 101 / 67)
            window = math.cos(math.pi * t / 12) ** 2 if abs(t) < 6 else 0.0
            taps.append((1.0 if t == 0 else math.sin(math.pi * t) / (math.pi * t)) * window)
        heard = sum(tap * float(samples[n]) for n, tap in zip(range(-40, 100), taps) if 0 <= n < 60)
        assert value == pytest.approx(heard / sum(taps), abs=1e-5)


def test_shapes_edges_and_long_sounds() -> None:
    two = torch.stack([tone(300.0, 8000), tone(500.0, 8000)])
    torch.testing.assert_close(resample(two, 8000, 16000)[1], resample(two[1], 8000, 16000))
    assert resample(torch.zeros(3, 0), 22050, 16000).shape == (3, 0)
    assert torch.equal(resample(two, 8000, 8000), two)
    long = resample(torch.ones(70_000), 8000, 16000)  # more than one piece
    assert len(long) == 140_000
    torch.testing.assert_close(long[200:-200], torch.ones(139_600))
    with pytest.raises(ValueError, match="give whole numbers from 1"):
        resample(two, 0, 16000)
