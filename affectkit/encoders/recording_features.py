"""Frozen features of recordings from an encoder of waveforms, to be stored in shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from affectkit.encoders.feature_extractor import Waveform
from affectkit.encoders.weights_digest import weights_digest
from affectkit.functional.resample import resample
from affectkit.types import Encoding


class WaveformEncoder(Protocol):
    """An encoder of waveforms of one rate, as :class:`~affectkit.encoders.LogMelConvEncoder`."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        ...

    @property
    def out_dim(self) -> int:
        """Width D of the encoding."""
        ...

    @property
    def settings(self) -> str:
        """Everything beside the weights that decides about its features."""
        ...

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode waveforms (B, T); ``mask`` is True where a sample is real."""
        ...


class RecordingFeatures(nn.Module):
    """Makes an extractor of an encoder of waveforms: one row for a recording of any length and rate.

    The encoder may be one that a task has trained with a metric loss, or a pre-trained one. It is kept in
    evaluation; channels become their mean, and recordings of another rate are resampled.

    Args:
        encoder: The encoder.
        batch_size: Recordings of a forward pass.

    Shape:
        - Input: n waveforms, each (samples (channels, n) or (n,) float in [-1, 1], rate in Hz).
        - Output: (n, out_dim) float32; 0 for an empty recording.

    Raises:
        TypeError: If the encoder is not an ``nn.Module``.
        ValueError: If a waveform has another shape or is not finite.

    Examples:
        >>> from affectkit.encoders import LogMelConvEncoder
        >>> extractor = RecordingFeatures(LogMelConvEncoder(8000, num_mels=16, widths=(4,)))
        >>> extractor([(torch.zeros(1, 4000), 16000)]).shape == (1, extractor.out_dim)
        True
    """

    modality: Final = "audio"

    def __init__(self, encoder: WaveformEncoder, *, batch_size: int = 16) -> None:
        super().__init__()
        if not isinstance(encoder, nn.Module):
            raise TypeError(f"RecordingFeatures got {type(encoder).__name__}: give an nn.Module.")
        if batch_size < 1:
            raise ValueError(f"RecordingFeatures got batch_size={batch_size}: give at least 1.")
        self.encoder = cast(nn.Module, encoder)
        self.rate = encoder.rate
        self.settings = encoder.settings
        self.out_dim = encoder.out_dim
        self.batch_size = batch_size
        self.eval()

    @property
    def identity(self) -> str:
        """Kind of encoder, its settings and digest of the weights."""
        return f"{type(self.encoder).__name__} {self.settings} sha256:{weights_digest(self.encoder)}"

    def train(self, mode: bool = True) -> RecordingFeatures:
        """Set the mode of this module; the encoder stays in evaluation."""
        super().train(mode)
        self.encoder.eval()
        return self

    @torch.no_grad()
    def forward(self, items: Sequence[Waveform]) -> Tensor:
        """Encode waveforms."""
        waves = [self._mono(samples, rate) for samples, rate in items]
        found = torch.zeros(len(waves), self.out_dim)
        # By length, so that little is filled up.
        order = sorted(range(len(waves)), key=lambda place: len(waves[place]))
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            lengths = torch.tensor([len(waves[place]) for place in places])
            x = pad_sequence([waves[place] for place in places], batch_first=True)
            mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
            device = next(iter(self.encoder.parameters()), x).device
            encoding: Encoding = self.encoder(x.to(device), mask.to(device))
            found[places] = encoding.pooled.float().cpu()
        return found

    def _mono(self, samples: Tensor, rate: int) -> Tensor:
        if samples.dim() not in (1, 2) or not bool(samples.isfinite().all()):
            raise ValueError(
                f"RecordingFeatures got a waveform of shape {tuple(samples.shape)}: give finite samples "
                "(channels, n) or (n,)."
            )
        samples = samples.detach().cpu().float()
        return resample(samples.mean(dim=0) if samples.dim() == 2 else samples, rate, self.rate)
