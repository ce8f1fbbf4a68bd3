from __future__ import annotations

import numpy as np
import torch

from affectkit.functional import log_mel_frames, mel_filters


def naive(
    samples: list[float], window: list[float], filters: list[list[float]], hop: int
) -> list[list[float]]:
    """A discrete Fourier transform term by term."""
    size = 2 * (len(filters) - 1)
    norm = sum(w * w for w in window)
    rows = []
    for start in range(0, len(samples) - len(window) + 1, hop):
        frame = [samples[start + n] * w for n, w in enumerate(window)]
        power = []
        for k in range(len(filters)):
            turn = np.exp(-2j * np.pi * k * np.arange(len(frame)) / size)
            power.append(abs(complex((np.array(frame) * turn).sum())) ** 2)
        bands = [sum(p * filters[k][m] for k, p in enumerate(power)) / norm for m in range(len(filters[0]))]
        rows.append([float(np.log(max(1e-10, band))) for band in bands])
    return rows


def test_equals_a_transform_term_by_term() -> None:
    torch.manual_seed(0)
    samples, window = torch.rand(100) - 0.5, torch.hann_window(24)
    filters = mel_filters(8000, 32, num_mels=4)
    found = log_mel_frames(samples.unsqueeze(0), window, filters, hop=10)
    wanted = torch.tensor(naive(samples.tolist(), window.tolist(), filters.tolist(), 10))
    assert found.shape == (1, 8, 4)
    torch.testing.assert_close(found[0], wanted, rtol=1e-4, atol=1e-4)


def test_silence_is_the_floor_and_too_short_a_sound_has_no_frame() -> None:
    filters = mel_filters(8000, 32, num_mels=4)
    silent = log_mel_frames(torch.zeros(1, 24), torch.hann_window(24), filters, hop=10, floor=1e-6)
    torch.testing.assert_close(silent, torch.full((1, 1, 4), 1e-6).log())
    assert log_mel_frames(torch.ones(2, 23), torch.hann_window(24), filters, hop=10).shape == (2, 0, 4)


def test_the_level_of_noise_does_not_depend_on_the_window() -> None:
    noise = torch.randn(1, 16000, generator=torch.Generator().manual_seed(0)) * 0.1
    levels = [
        log_mel_frames(noise, torch.hann_window(size), mel_filters(16000, 1024, num_mels=1), hop=160).mean()
        for size in (400, 800)
    ]
    # Bins of one transform: the power of white noise spreads over all of them alike.
    assert abs(float(levels[0] - levels[1])) < 0.05
