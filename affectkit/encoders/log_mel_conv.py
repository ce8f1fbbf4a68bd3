"""Waveforms to one vector, without weights to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn

from affectkit.encoders.log_mel import LogMel, Spectrogram
from affectkit.encoders.spectrogram_conv import FrameNormalization, SpectrogramConvEncoder
from affectkit.encoders.spectrogram_masking import SpectrogramMasking
from affectkit.functional.mel_filters import MelScale
from affectkit.types import Encoding


class LogMelConvEncoder(nn.Module):
    """A :class:`LogMel` front end and a :class:`SpectrogramConvEncoder`, small enough for a CPU.

    Of any length: silence, and a sound that is shorter than a frame, give finite features; an empty one
    gives zeros.

    Args:
        rate: Samples per second of the waveforms; a data module of sound brings them to it.
        frame_ms: Length of a frame in milliseconds.
        hop_ms: From one frame to the next in milliseconds.
        num_mels: Number of bands.
        low: Lower corner of the first band in Hz.
        high: Upper corner of the last band in Hz; None = half the rate.
        scale: ``"htk"`` or ``"slaney"``.
        widths: Channels of each layer.
        normalization: ``"training"``, ``"recording"`` or ``"none"``; see
            :class:`SpectrogramConvEncoder`.
        time_masks: Stretches that training does not hear; see :class:`SpectrogramMasking`.
        band_masks: Bands that training does not hear.

    Shape:
        - Input: (B, T) float in [-1, 1]; ``mask`` (B, T), True = real, real samples first.
        - Output: ``pooled`` (B, D); ``tokens`` (B, F', D / 2), ``mask`` (B, F').

    Raises:
        ValueError: If a number is out of range, or the input has another shape.

    Examples:
        >>> import torch
        >>> encoder = LogMelConvEncoder(16000, num_mels=32, widths=(8, 16)).eval()
        >>> encoder(torch.zeros(2, 8000)).pooled.shape == (2, encoder.out_dim)
        True
    """

    modality: Final = "audio"
    #: Waveforms, not stored features: a task then asks the data for no width of features.
    reads_raw: Final = True

    def __init__(
        self,
        rate: int = 16_000,
        *,
        frame_ms: float = 32.0,
        hop_ms: float = 16.0,
        num_mels: int = 40,
        low: float = 50.0,
        high: float | None = None,
        scale: MelScale = "htk",
        widths: Sequence[int] = (16, 32, 64, 96),
        normalization: FrameNormalization = "training",
        time_masks: int = 2,
        band_masks: int = 2,
    ) -> None:
        super().__init__()
        self.rate = rate
        self.front = LogMel(
            rate,
            frame_ms=frame_ms,
            hop_ms=hop_ms,
            num_mels=num_mels,
            low=low,
            high=high,
            scale=scale,
        )
        self._settings = (
            f"rate={rate} frame_ms={frame_ms} hop_ms={hop_ms} num_mels={num_mels} low={low} high={high} "
            f"scale={scale} normalization={normalization}"
        )
        self.network = SpectrogramConvEncoder(
            num_mels,
            widths=widths,
            normalization=normalization,
            masking=(
                SpectrogramMasking(time_masks=time_masks, band_masks=band_masks)
                if time_masks or band_masks
                else None
            ),
        )

    @property
    def out_dim(self) -> int:
        """Width D of the encoding."""
        return self.network.out_dim

    @property
    def settings(self) -> str:
        """Everything beside the weights that decides about its features."""
        return self._settings

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode waveforms ``x`` (B, T)."""
        heard: Spectrogram = self.front(x, mask)
        found: Encoding = self.network(heard.frames, heard.mask)
        return found
