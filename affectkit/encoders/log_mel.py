"""Sound to log-mel frames."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectkit.functional.log_mel import log_mel_frames
from affectkit.functional.mel_filters import MelScale, mel_filters


class Spectrogram(NamedTuple):
    """Frames of sounds of several lengths.

    Shape:
        - frames: (B, F, M), 0 where ``mask`` is False.
        - mask: (B, F) bool, True = real; the real frames come first.
    """

    frames: Tensor
    mask: Tensor


class LogMel(nn.Module):
    """Waveforms of one rate to the natural logarithm of their power in mel bands.

    A sound that is shorter than one frame is filled up with silence to one; an empty sound has no frame.
    Silence is ``log(floor)``. See :func:`affectkit.functional.log_mel_frames` for the formula.

    Args:
        rate: Samples per second of the waveforms; nothing here can notice another one.
        frame_ms: Length of a frame in milliseconds, under a Hann window.
        hop_ms: From one frame to the next in milliseconds.
        num_mels: Number M of bands.
        low: Lower corner of the first band in Hz.
        high: Upper corner of the last band in Hz; None = half the rate.
        scale: ``"htk"`` or ``"slaney"``; see :func:`affectkit.functional.mel_filters`.
        floor: Power that silence is given; 1e-10 is 100 dB below a full square wave.

    Shape:
        - Input: (B, T) float in [-1, 1]; ``mask`` (B, T), True = real, real samples first.
        - Output: ``frames`` (B, F, M), ``mask`` (B, F).

    Raises:
        ValueError: If a number is out of range, or the input has another shape.

    Examples:
        >>> front = LogMel(16000, num_mels=40)
        >>> front(torch.zeros(2, 16000)).frames.shape
        torch.Size([2, 98, 40])
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self,
        rate: int = 16_000,
        *,
        frame_ms: float = 25.0,
        hop_ms: float = 10.0,
        num_mels: int = 64,
        low: float = 50.0,
        high: float | None = None,
        scale: MelScale = "htk",
        floor: float = 1e-10,
    ) -> None:
        super().__init__()
        length, hop = round(rate * frame_ms / 1000), round(rate * hop_ms / 1000)
        if length < 2 or hop < 1 or floor <= 0:
            raise ValueError(
                f"LogMel got frame_ms={frame_ms:g}, hop_ms={hop_ms:g}, floor={floor:g} at {rate} Hz: give a "
                "frame of two samples at least, a hop of one, and a floor above 0."
            )
        self.rate = rate
        self.hop = hop
        self.num_mels = num_mels
        self.floor = floor
        # The next power of two: bins that are finer than the window resolves, at the speed of the FFT.
        size = 1 << (length - 1).bit_length()
        # Made anew from the numbers above, so a checkpoint need not carry them.
        self.register_buffer("window", torch.hann_window(length), persistent=False)
        filters = mel_filters(rate, size, num_mels=num_mels, low=low, high=high, scale=scale)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Spectrogram:
        """Turn ``x`` (B, T) into frames."""
        if x.ndim != 2 or not x.is_floating_point() or (mask is not None and mask.shape != x.shape):
            raise ValueError(
                f"LogMel reads waveforms (B, T) in [-1, 1] with a mask of the same shape, but got "
                f"{tuple(x.shape)} {x.dtype}{'' if mask is None else f' with {tuple(mask.shape)}'}: give one "
                "channel, as float."
            )
        length = len(self.window)
        count = x.new_full((len(x),), x.shape[1], dtype=torch.int64) if mask is None else mask.sum(dim=1)
        if mask is not None:
            x = x.masked_fill(~mask, 0.0)
        x = nn.functional.pad(x, (0, max(0, length - x.shape[1])))
        # Powers underflow in half precision: silence and whispers would be one.
        with torch.autocast(x.device.type, enabled=False):
            frames = log_mel_frames(
                x.float(), self.window.float(), self.filters.float(), hop=self.hop, floor=self.floor
            )
        number = torch.where(count < length, (count > 0).long(), 1 + (count - length) // self.hop)
        real = torch.arange(frames.shape[1], device=x.device) < number.unsqueeze(1)
        return Spectrogram(frames.masked_fill(~real.unsqueeze(-1), 0.0), real)
