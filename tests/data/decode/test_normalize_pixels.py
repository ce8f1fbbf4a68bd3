from __future__ import annotations

import pytest
import torch

from affectkit.data.decode import NormalizePixels


def test_it_is_scale_mean_and_deviation() -> None:
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    pixels = torch.randint(0, 256, (2, 5, 3, 4, 6), generator=torch.Generator().manual_seed(0)).byte()
    expected = torch.empty(pixels.shape)
    for c in range(3):
        expected[:, :, c] = (pixels[:, :, c].float() / 255 - mean[c]) / std[c]
    out: torch.Tensor = NormalizePixels()(pixels)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, expected, atol=2e-6, rtol=0)


def test_channels_last_stays_so_and_nothing_is_saved() -> None:
    layer = NormalizePixels()
    pixels = torch.zeros(2, 8, 8, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    out: torch.Tensor = layer(pixels)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert not layer.state_dict() and not pixels.any()


def test_float_pixels_and_wrong_settings_are_errors() -> None:
    with pytest.raises(ValueError, match="uint8"):
        NormalizePixels()(torch.zeros(1, 3, 2, 2))
    for mean, std in (([0.5], [0.5, 0.5]), ([0.5], [0.0])):
        with pytest.raises(ValueError, match="one each"):
            NormalizePixels(mean, std)
