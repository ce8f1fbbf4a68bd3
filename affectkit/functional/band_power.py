"""Power of a signal in frequency bands."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def band_power(
    signal: Tensor,
    sample_rate: float,
    *,
    bands: Sequence[tuple[float, float]],
    window_seconds: float = 1.0,
    skip_gaps: bool = False,
) -> Tensor:
    r"""Mean square of a signal that lies in each band, by Welch's averaged periodograms.

    .. math:: P_b = \sum_{l_b \le f_k < h_b} S(f_k)\, \Delta f

    with S the one-sided density over Hann windows that overlap by half, each with its mean taken
    off. In :math:`\mu V` the result is in :math:`\mu V^2`. A sine of amplitude A has
    :math:`A^2 / 2`, a little of which leaks into the bands beside it.

    Args:
        signal: Samples.
        sample_rate: Samples a second, in Hz.
        bands: Lowest frequency, and the one from which on it is no longer the band, in Hz.
        window_seconds: Length of a window; 1 s resolves 1 Hz.
        skip_gaps: Whether windows that hold a NaN are left out of the average; otherwise the power is NaN.

    Shape:
        - signal: (..., T)
        - output: (..., number of bands) in float32, or float64 where ``signal`` is

    Raises:
        ValueError: If the signal is shorter than a window, a band holds no resolved frequency, or there
            is a NaN in every window of a signal whose gaps are to be skipped.

    References:
        Peter D. Welch. The Use of Fast Fourier Transform for the Estimation of Power Spectra: A
        Method Based on Time Averaging Over Short, Modified Periodograms. IEEE Transactions on Audio
        and Electroacoustics 15(2), 1967.

    Examples:
        >>> import torch
        >>> sine = 2 * torch.sin(2 * torch.pi * 10 * torch.arange(1280) / 128)
        >>> [round(power.item(), 3) for power in band_power(sine, 128, bands=[(4, 8), (8, 13)])]
        [0.0, 2.0]
    """
    signal = signal.to(torch.promote_types(signal.dtype, torch.float32))
    length = round(window_seconds * sample_rate)
    if length < 2 or signal.shape[-1] < length:
        raise ValueError(
            f"band_power got {signal.shape[-1]} samples for windows of {window_seconds:g} s at "
            f"{sample_rate:g} Hz, i.e. {length}; give a longer signal or shorter windows."
        )
    frequency = torch.arange(length // 2 + 1, dtype=torch.float64) * sample_rate / length
    inside = torch.stack([(frequency >= low) & (frequency < high) for low, high in bands])
    if not bool(inside.any(1).all()):
        low, high = bands[int(inside.any(1).int().argmin())]
        raise ValueError(
            f"band_power resolves {sample_rate / length:g} Hz up to {sample_rate / 2:g} Hz, and the band "
            f"{low:g}..{high:g} Hz holds no such frequency; give longer windows or another band."
        )
    window = torch.hann_window(length, dtype=signal.dtype, device=signal.device)
    pieces = signal.unfold(-1, length, max(length // 2, 1))
    whole = ~pieces.isnan().any(-1, keepdim=True) if skip_gaps else None
    if whole is not None:
        _require_windows(whole.squeeze(-1).any(-1), seconds=window_seconds)
        pieces = torch.where(whole, pieces, 0.0)
    pieces = (pieces - pieces.mean(-1, keepdim=True)) * window
    power = torch.fft.rfft(pieces).abs().square()
    # A window that was left out is 0 throughout.
    power = power.mean(-2) if whole is None else power.sum(-2) / whole.sum(-2)
    # Both halves of the spectrum are counted in one, but for 0 Hz and, where there is one, the last.
    twice = torch.full_like(frequency, 2.0)
    twice[0] = 1.0
    if length % 2 == 0:
        twice[-1] = 1.0
    share = (inside * twice).to(power) / (length * window.square().sum())
    with torch.autocast(signal.device.type, enabled=False):
        summed: Tensor = power @ share.T
    return summed


def _require_windows(found: Tensor, *, seconds: float) -> None:
    if not bool(found.all()):
        raise ValueError(
            f"band_power got {int((~found).sum())} of {found.numel()} signals with a gap in every window of "
            f"{seconds:g} s: leave these out, or use shorter windows."
        )
