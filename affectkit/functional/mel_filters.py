"""Triangular filters that are evenly spaced as the ear hears them."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor

#: ``"htk"``: logarithmic everywhere; ``"slaney"``: linear below 1 kHz, logarithmic above.
MelScale: TypeAlias = Literal["htk", "slaney"]

_SLANEY_STEP = 200.0 / 3.0  # Hz of a mel in the linear part
_SLANEY_BREAK = 1000.0  # Hz where it ends
_SLANEY_LOG = math.log(6.4) / 27.0  # growth of log Hz per mel above


def mel_filters(
    rate: int,
    fft_size: int,
    *,
    num_mels: int = 64,
    low: float = 0.0,
    high: float | None = None,
    scale: MelScale = "htk",
    equal_area: bool = False,
) -> Tensor:
    r"""Weights of the bins of a spectrum in each mel band.

    .. math:: w_{km} = \max\left(0, \min\left(\frac{f_k - c_m}{c_{m+1} - c_m},
        \frac{c_{m+2} - f_k}{c_{m+2} - c_{m+1}}\right)\right), \quad f_k = k\,\frac{\mathrm{rate}}{N}

    with corners :math:`c` from ``low`` to ``high``, evenly spaced on the scale: ``"htk"``
    :math:`2595 \log_{10}(1 + f / 700)`; ``"slaney"`` :math:`3f / 200` up to 1 kHz and
    :math:`15 + 27 \log_{6.4}(f / 1000)` above.

    Args:
        rate: Samples per second.
        fft_size: Number N of samples of a transform.
        num_mels: Number M of bands.
        low: Lower corner of the first band in Hz.
        high: Upper corner of the last band in Hz; None = half the rate.
        scale: See above.
        equal_area: Whether each triangle has the area 1 (Slaney's form) instead of the height 1.

    Shape:
        - result: (N // 2 + 1, M) float32.

    Raises:
        ValueError: If a number is out of range, or a band is narrower than the bins and would hear nothing.

    Examples:
        >>> filters = mel_filters(16000, 512, num_mels=4)
        >>> filters.shape, filters.argmax(dim=0).tolist()
        (torch.Size([257, 4]), [15, 39, 79, 146])
    """
    top = rate / 2 if high is None else high
    if rate < 1 or fft_size < 2 or num_mels < 1 or scale not in ("htk", "slaney"):
        raise ValueError(
            f"mel_filters got rate={rate}, fft_size={fft_size}, num_mels={num_mels}, scale={scale!r}: give "
            "positive numbers, and 'htk' or 'slaney'."
        )
    if not 0.0 <= low < top <= rate / 2:
        raise ValueError(
            f"mel_filters got bands from {low:g} to {top:g} Hz for a rate of {rate} Hz: give "
            f"0 <= low < high <= {rate / 2:g}."
        )
    ends = _to_mel(torch.tensor([low, top], dtype=torch.float64), scale)
    corners = _to_hz(torch.linspace(float(ends[0]), float(ends[1]), num_mels + 2, dtype=torch.float64), scale)
    bins = torch.linspace(0.0, rate / 2, fft_size // 2 + 1, dtype=torch.float64)
    if fft_size % 2:
        bins = torch.arange(fft_size // 2 + 1, dtype=torch.float64) * rate / fft_size
    place = bins.unsqueeze(1)
    rising = (place - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - place) / (corners[2:] - corners[1:-1])
    filters = torch.minimum(rising, falling).clamp(min=0.0)
    if bool((filters.sum(dim=0) == 0).any()):
        raise ValueError(
            f"mel_filters got {num_mels} bands from {low:g} Hz for bins that are {rate / fft_size:.1f} Hz "
            "apart, and some band holds no bin: give fewer bands, a higher low, or a longer transform."
        )
    if equal_area:
        filters = filters * (2.0 / (corners[2:] - corners[:-2]))
    return filters.float()


def _to_mel(hertz: Tensor, scale: MelScale) -> Tensor:
    if scale == "htk":
        return 2595.0 * torch.log10(1.0 + hertz / 700.0)
    above = (
        _SLANEY_BREAK / _SLANEY_STEP + torch.log(hertz.clamp(min=_SLANEY_BREAK) / _SLANEY_BREAK) / _SLANEY_LOG
    )
    return torch.where(hertz < _SLANEY_BREAK, hertz / _SLANEY_STEP, above)


def _to_hz(mel: Tensor, scale: MelScale) -> Tensor:
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    start = _SLANEY_BREAK / _SLANEY_STEP
    above = _SLANEY_BREAK * torch.exp(_SLANEY_LOG * (mel - start))
    return torch.where(mel < start, mel * _SLANEY_STEP, above)
