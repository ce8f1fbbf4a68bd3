"""Voices without weights to fetch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.encoders.feature_extractor import Waveform

_BANDS = 24
_LOWEST, _HIGHEST = 60.0, 3800.0  # Hz; the highest is below half of the lowest usual rate, 8 kHz
_FRAME, _HOP = 0.032, 0.010  # seconds
_PITCH_LOW, _PITCH_HIGH = 75.0, 450.0  # Hz
_FLOOR = 1e-8  # power of silence


class TinyAudioEncoder(nn.Module):
    """Statistics of log-mel energies, loudness and pitch over a recording.

    Mean, deviation and mean absolute change of each band; mean, deviation, slope and maximum of
    loudness; mean, deviation and slope of pitch (autocorrelation, weighted by how voiced a frame
    is); voicing; spectral centroid; length. Bands lie at fixed frequencies, so recordings of
    different rates are comparable; channels are averaged.

    Shape:
        - Input: n waveforms, each (samples (channels, n) or (n,) float, rate in Hz).
        - Output: (n, out_dim) float32.

    Raises:
        ValueError: If a waveform is empty, not finite, not (channels, n), or below 4 kHz.

    Examples:
        >>> tone = torch.sin(2 * math.pi * 200 * torch.arange(8000) / 8000)
        >>> TinyAudioEncoder()([(tone.unsqueeze(0), 8000)]).shape
        torch.Size([1, 84])
    """

    modality = "audio"
    out_dim = 3 * _BANDS + 12
    identity = f"tiny-audio:1 dim={out_dim}"

    @torch.no_grad()
    def forward(self, items: Sequence[Waveform]) -> Tensor:
        """Encode waveforms."""
        rows = [_describe(_mono(samples, rate), rate) for samples, rate in items]
        return torch.stack(rows) if rows else torch.zeros(0, self.out_dim)


def _mono(samples: Tensor, rate: int) -> Tensor:
    if samples.dim() not in (1, 2) or samples.numel() == 0 or not bool(samples.isfinite().all()):
        raise ValueError(
            f"TinyAudioEncoder got a waveform of shape {tuple(samples.shape)}: "
            "give finite samples (channels, n) or (n,), at least one."
        )
    if rate < 4000:
        raise ValueError(f"TinyAudioEncoder got a rate of {rate} Hz: give recordings of 4 kHz or more.")
    samples = samples.detach().cpu().float()
    return samples.mean(dim=0) if samples.dim() == 2 else samples


def _describe(samples: Tensor, rate: int) -> Tensor:
    frame, hop = round(_FRAME * rate), round(_HOP * rate)
    seconds = samples.numel() / rate
    # One frame at least, and half a frame of silence at both ends instead of torch's reflection,
    # which a recording shorter than the frame does not allow.
    samples = F.pad(samples, (frame // 2, frame // 2 + max(0, frame - samples.numel())))
    window = torch.hann_window(frame)
    spectrum = torch.stft(samples, frame, hop, frame, window, center=False, return_complex=True)
    power = spectrum.abs().square().T / window.square().sum()  # (frames, bins)

    mel = (power @ _mel_filters(rate, frame) + _FLOOR).log()
    loudness = (power.mean(dim=1) + _FLOOR).log()
    pitch, voicing = _pitch(power, rate, frame)
    weight = voicing * (loudness > loudness.max() - 6.0)
    frequency = torch.linspace(0.0, rate / 2, power.shape[1])
    heard = power * (frequency <= _HIGHEST)
    centroid = (heard @ frequency) / (heard.sum(dim=1) + _FLOOR)
    statistics = [
        *_moments(loudness, torch.ones_like(loudness)),
        loudness.max(),
        *_moments(pitch, weight),
        voicing.mean(),
        weight.mean(),
        *_moments(centroid / 1000.0, weight)[:2],
        torch.tensor(seconds).log(),
    ]
    change = mel.diff(dim=0).abs().sum(dim=0) / max(1, mel.shape[0] - 1)
    # Fixed scales bring every number to the order of one; silence then lies at about -2.
    bands = [(mel.mean(dim=0) + 8.0) / 5.0, mel.std(dim=0, correction=0) / 2.0, change]
    return torch.cat([*bands, torch.stack(statistics) / _SCALES - _CENTRES])


# Loudness mean, deviation, slope, maximum; log pitch mean, deviation, slope; voicing, voiced share;
# centroid mean, deviation in kHz; log length.
_SCALES = torch.tensor([4.0, 2.0, 2.0, 4.0, 0.5, 0.2, 0.2, 0.3, 0.3, 0.5, 0.3, 1.0])
_CENTRES = torch.tensor([-1.5, 0.5, 0.0, -1.0, 10.2, 0.5, 0.0, 1.5, 1.0, 1.5, 0.5, 0.0])


def _moments(series: Tensor, weight: Tensor) -> list[Tensor]:
    """Weighted mean, deviation, and slope over the recording (from -1 to 1) of a series."""
    total = weight.sum() + 1e-6
    place = torch.linspace(-1.0, 1.0, series.numel()) if series.numel() > 1 else torch.zeros(1)
    place = place - (weight * place).sum() / total
    mean = (weight * series).sum() / total
    spread = (weight * (series - mean).square()).sum() / total
    slope = (weight * place * (series - mean)).sum() / ((weight * place.square()).sum() + 1e-6)
    return [mean, spread.sqrt(), slope]


def _pitch(power: Tensor, rate: int, frame: int) -> tuple[Tensor, Tensor]:
    """Natural logarithm of the pitch in Hz, and how voiced (0 to 1), of each frame."""
    autocorrelation = torch.fft.irfft(power.to(torch.complex64), n=frame, dim=1)
    shortest, longest = int(rate / _PITCH_HIGH), math.ceil(rate / _PITCH_LOW)
    # The window's own autocorrelation falls with the lag; dividing by it undoes the bias to high pitch.
    window = torch.fft.rfft(torch.hann_window(frame)).abs().square()
    fall = torch.fft.irfft(window.to(torch.complex64), n=frame)
    fall = (fall / fall[0]).clamp(min=0.05)
    relative = autocorrelation / (autocorrelation[:, :1] + _FLOOR) / fall
    best = relative[:, shortest : longest + 1].max(dim=1)
    lag = (best.indices + shortest).float()
    return (rate / lag).log(), best.values.clamp(0.0, 1.0)


@lru_cache(maxsize=16)
def _mel_filters(rate: int, frame: int) -> Tensor:
    """Triangular filters (bins, bands) at fixed frequencies, each of unit sum."""

    def mel(frequency: Tensor) -> Tensor:
        return 2595.0 * torch.log10(1.0 + frequency / 700.0)

    low, high = (float(mel(torch.tensor(edge))) for edge in (_LOWEST, _HIGHEST))
    corners = torch.linspace(low, high, _BANDS + 2)
    place = mel(torch.linspace(0.0, rate / 2, frame // 2 + 1)).unsqueeze(1)
    rising = (place - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - place) / (corners[2:] - corners[1:-1])
    filters = torch.minimum(rising, falling).clamp(min=0.0)
    return filters / filters.sum(dim=0).clamp(min=1e-6)
