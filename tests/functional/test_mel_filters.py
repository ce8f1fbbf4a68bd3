from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from affectkit.functional import MelScale, mel_filters


def naive(rate: int, size: int, mels: int, low: float, high: float, scale: MelScale) -> list[list[float]]:
    """Triangles bin by bin, with the scales written as piecewise functions of one number."""

    def to_mel(f: float) -> float:
        if scale == "htk":
            return 1127.0104805 * math.log(1.0 + f / 700.0)
        return f * 3 / 200 if f < 1000 else 15 + 27 * math.log(f / 1000) / math.log(6.4)

    def to_hz(m: float) -> float:
        if scale == "htk":
            return 700.0 * (math.exp(m / 1127.0104805) - 1.0)
        return m * 200 / 3 if m < 15 else 1000 * 6.4 ** ((m - 15) / 27)

    step = (to_mel(high) - to_mel(low)) / (mels + 1)
    corner = [to_hz(to_mel(low) + step * place) for place in range(mels + 2)]
    rows = []
    for bin_ in range(size // 2 + 1):
        f = bin_ * rate / size
        row = []
        for m in range(mels):
            if corner[m] <= f <= corner[m + 1]:
                row.append((f - corner[m]) / (corner[m + 1] - corner[m]))
            elif corner[m + 1] < f <= corner[m + 2]:
                row.append((corner[m + 2] - f) / (corner[m + 2] - corner[m + 1]))
            else:
                row.append(0.0)
        rows.append(row)
    return rows


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize(("rate", "size", "mels", "low"), [(16000, 512, 24, 50.0), (8000, 301, 10, 0.0)])
def test_equals_triangles_bin_by_bin(scale: MelScale, rate: int, size: int, mels: int, low: float) -> None:
    found = mel_filters(rate, size, num_mels=mels, low=low, high=3800.0, scale=scale)
    wanted = torch.tensor(naive(rate, size, mels, low, 3800.0, scale))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("equal_area", [True, False])
def test_equals_another_library(scale: MelScale, equal_area: bool) -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils", reason="needs the extra 'text'")
    wanted = audio_utils.mel_filter_bank(
        num_frequency_bins=257,
        num_mel_filters=30,
        min_frequency=20.0,
        max_frequency=8000.0,
        sampling_rate=16000,
        norm="slaney" if equal_area else None,
        mel_scale=scale,
    )
    found = mel_filters(16000, 512, num_mels=30, low=20.0, scale=scale, equal_area=equal_area)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_each_triangle_of_equal_area_has_the_area_one() -> None:
    filters = mel_filters(16000, 8192, num_mels=12, scale="slaney", equal_area=True)
    torch.testing.assert_close(filters.sum(dim=0) * 16000 / 8192, torch.ones(12), rtol=2e-3, atol=0.0)


def test_bad_numbers_are_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"mel_filters got bands from 50 to 9000 Hz .* 8000\.$"):
        mel_filters(16000, 512, low=50.0, high=9000.0)
    with pytest.raises(ValueError, match="some band holds no bin: give fewer bands"):
        mel_filters(16000, 128, num_mels=64)
    with pytest.raises(ValueError, match="give positive numbers, and 'htk' or 'slaney'"):
        mel_filters(16000, 512, scale="bark")  # type: ignore[arg-type]
