from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from affectkit.encoders import LogMelConvEncoder, SpectrogramConvEncoder, SpectrogramMasking
from affectkit.encoders.spectrogram_conv import FrameNormalization


def ragged() -> tuple[torch.Tensor, torch.Tensor]:
    frames = torch.randn(3, 37, 12, generator=torch.Generator().manual_seed(0)) * 3 - 8
    return frames, torch.arange(37) < torch.tensor([37, 18, 1]).unsqueeze(1)


def warm(encoder: SpectrogramConvEncoder) -> SpectrogramConvEncoder:
    """Give the running statistics something to be."""
    frames, mask = ragged()
    for _ in range(3):
        encoder.train()(frames, mask)
    return encoder.eval()


@pytest.mark.parametrize("normalization", ["training", "recording", "none"])
def test_a_recording_is_the_same_beside_longer_ones(normalization: FrameNormalization) -> None:
    torch.manual_seed(0)
    encoder = warm(SpectrogramConvEncoder(12, widths=(4, 6, 5), normalization=normalization))
    frames, mask = ragged()
    found = encoder(frames, mask)
    assert found.tokens is not None and found.mask is not None
    assert found.pooled.shape == (3, encoder.out_dim) and found.tokens.shape[2] * 2 == encoder.out_dim
    for row, length in enumerate((37, 18, 1)):
        alone = encoder(frames[row : row + 1, :length])
        torch.testing.assert_close(found.pooled[row], alone.pooled[0], rtol=1e-4, atol=1e-5)
        assert alone.tokens is not None
        torch.testing.assert_close(found.tokens[row][found.mask[row]], alone.tokens[0], rtol=1e-4, atol=1e-5)


def test_equals_a_network_written_out() -> None:
    torch.manual_seed(0)
    encoder = warm(SpectrogramConvEncoder(12, widths=(4, 6), normalization="none"))
    frames, _ = ragged()
    x = frames[:1].unsqueeze(1)
    convolutions = [part for part in encoder.modules() if isinstance(part, nn.Conv2d)]
    norms = [part for part in encoder.modules() if isinstance(part, nn.BatchNorm1d)]
    for convolution, norm, stride, padding in zip(convolutions, norms, ((2, 2), (1, 2)), (2, 1)):
        assert norm.running_mean is not None and norm.running_var is not None
        x = F.conv2d(x, convolution.weight, stride=stride, padding=padding)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        x = (x - norm.running_mean.reshape(1, -1, 1, 1)) * scale.reshape(1, -1, 1, 1)
        x = (x + norm.bias.reshape(1, -1, 1, 1)).clamp(min=0)
    by_place = x.permute(0, 2, 1, 3).reshape(1, x.shape[2], -1)
    wanted = torch.cat([by_place.mean(1), by_place.max(1).values], dim=1)
    torch.testing.assert_close(encoder(frames[:1]).pooled, wanted, rtol=1e-4, atol=1e-5)


def test_training_is_padding_invariant_too_and_reaches_every_parameter() -> None:
    frames, mask = ragged()
    results = []
    for extra in (0, 9):
        torch.manual_seed(0)
        encoder = SpectrogramConvEncoder(12, widths=(4, 6)).train()
        found = encoder(F.pad(frames, (0, 0, 0, extra), value=7.0), F.pad(mask, (0, extra)))
        results.append(found.pooled)
        torch.autograd.backward(found.pooled.square().sum())
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in encoder.parameters())
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


def test_normalised_by_the_recording_neither_loudness_nor_a_filter_counts() -> None:
    torch.manual_seed(0)
    encoder = warm(SpectrogramConvEncoder(12, widths=(4, 6), normalization="recording"))
    frames, mask = ragged()
    louder = frames + 2.5 + torch.linspace(-1, 1, 12)
    torch.testing.assert_close(
        encoder(frames, mask).pooled, encoder(louder, mask).pooled, atol=1e-4, rtol=1e-3
    )
    silent = encoder(torch.full((1, 20, 12), -23.0)).pooled
    assert bool(silent.isfinite().all())


def test_masking_acts_in_training_only() -> None:
    frames, mask = ragged()
    encoder = SpectrogramConvEncoder(12, widths=(4,), normalization="none", masking=SpectrogramMasking())
    torch.manual_seed(0)
    first = encoder.train()(frames, mask).pooled
    assert not torch.equal(first, encoder(frames, mask).pooled)
    assert torch.equal(encoder.eval()(frames, mask).pooled, encoder(frames, mask).pooled)


@pytest.mark.parametrize("training", [True, False])
def test_silence_a_click_and_nothing_are_finite(training: bool) -> None:
    encoder = LogMelConvEncoder(8000, num_mels=16, widths=(4, 6)).train(training)
    waves = torch.zeros(3, 4000)
    waves[1, :3] = 1.0
    mask = torch.arange(4000) < torch.tensor([4000, 3, 0]).unsqueeze(1)
    found = encoder(waves, mask)
    assert bool(found.pooled.isfinite().all()) and not found.pooled[2].any()
    assert bool(encoder(torch.zeros(1, 0)).pooled.eq(0).all())


def test_the_whole_from_waveforms_equals_its_two_parts() -> None:
    torch.manual_seed(0)
    encoder = LogMelConvEncoder(8000, num_mels=16, widths=(4, 6)).eval()
    waves = torch.rand(2, 3000) - 0.5
    heard = encoder.front(waves)
    assert torch.equal(encoder(waves).pooled, encoder.network(heard.frames, heard.mask).pooled)
    assert encoder.rate == 8000 and encoder.reads_raw


def test_bad_input_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="of 12 bands got frames of shape"):
        SpectrogramConvEncoder(12)(torch.zeros(2, 9, 13))
    with pytest.raises(ValueError, match="an odd kernel"):
        SpectrogramConvEncoder(12, kernel=4)
    with pytest.raises(ValueError, match="give 'training', 'recording' or 'none'"):
        SpectrogramConvEncoder(12, normalization="speaker")  # type: ignore[arg-type]
