"""A small network over log-mel frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from affectkit.encoders.masked_batch_norm import MaskedBatchNorm
from affectkit.encoders.spectrogram_masking import SpectrogramMasking
from affectkit.types import Encoding

#: By the statistics of training, by those of the recording itself, or as the frames come.
FrameNormalization: TypeAlias = Literal["training", "recording", "none"]


class SpectrogramConvEncoder(nn.Module):
    """Convolutions over time and frequency, pooled over the real frames by mean and maximum.

    Every layer is a convolution, a batch normalisation over real frames and a ReLU; it halves the bands,
    and all but the last also halve the frames. Channels keep their places in frequency until after the
    pooling, because a voice that is high is another thing than one that is low. What fills up a batch is
    never heard: the result of a recording is the same beside longer ones.

    Args:
        num_mels: Number M of bands.
        widths: Channels of each layer.
        kernel: Side of the first layer's kernel, odd; the others have 3.
        normalization: ``"training"``: each band to mean 0 and deviation 1 by running statistics of the
            training split; ``"recording"``: by those of the recording, so that neither loudness nor the
            microphone counts; ``"none"``: for frames that are normalised already.
        masking: What training does not hear; None = nothing.

    Shape:
        - Input: (B, F, M); ``mask`` (B, F), True = real, real frames first, None = every frame is.
        - Output: ``pooled`` (B, D), 0 for a recording without a frame; ``tokens`` (B, F', D / 2), ``mask``
          (B, F').

    Raises:
        ValueError: If a number is out of range, or the frames have another shape.

    Examples:
        >>> encoder = SpectrogramConvEncoder(40).eval()
        >>> encoder(torch.zeros(2, 98, 40)).pooled.shape == (2, encoder.out_dim)
        True
    """

    def __init__(
        self,
        num_mels: int = 64,
        *,
        widths: Sequence[int] = (16, 32, 64, 96),
        kernel: int = 5,
        normalization: FrameNormalization = "training",
        masking: SpectrogramMasking | None = None,
    ) -> None:
        super().__init__()
        if num_mels < 1 or not widths or min(widths) < 1 or kernel < 1 or kernel % 2 == 0:
            raise ValueError(
                f"SpectrogramConvEncoder got num_mels={num_mels}, widths={list(widths)}, kernel={kernel}: "
                "give positive numbers, one width at least, and an odd kernel."
            )
        if normalization not in get_args(FrameNormalization):
            raise ValueError(
                f"SpectrogramConvEncoder got normalization={normalization!r}: give 'training', 'recording' "
                "or 'none'."
            )
        self.num_mels = num_mels
        self.normalization: FrameNormalization = normalization
        self.masking = masking
        self.band_norm = MaskedBatchNorm(num_mels, affine=False) if normalization == "training" else None
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        self.strides = [2] * (len(widths) - 1) + [1]
        channels, bands = 1, num_mels
        for place, width in enumerate(widths):
            side = kernel if place == 0 else 3
            stride = (self.strides[place], 2)
            self.convolutions.append(
                nn.Conv2d(channels, width, side, stride=stride, padding=side // 2, bias=False)
            )
            self.norms.append(MaskedBatchNorm(width))
            channels, bands = width, (bands + 1) // 2
        self.out_dim = 2 * channels * bands

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode frames ``x`` (B, F, M)."""
        if x.ndim != 3 or x.shape[2] != self.num_mels:
            raise ValueError(
                f"SpectrogramConvEncoder of {self.num_mels} bands got frames of shape {tuple(x.shape)}: give "
                "(B, F, bands), and set num_mels to the number of bands."
            )
        real = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        if not x.shape[1]:
            # Recordings without a frame: one that is not heard, since convolutions want one.
            x, real = x.new_zeros(len(x), 1, self.num_mels), real.new_zeros(len(x), 1)
        x = self._normalized(x.masked_fill(~real.unsqueeze(2), 0.0), real)
        if self.masking is not None:
            x = self.masking(x, real)
        features = x.unsqueeze(1)
        for convolution, norm, stride in zip(self.convolutions, self.norms, self.strides):
            features = convolution(features)
            # A frame of the result is real where the middle of its window is.
            real = real[:, ::stride]
            levels: Tensor = norm(features, real)
            features = levels.relu()
        tokens = features.movedim(2, 1).flatten(2)
        shown = real.unsqueeze(2)
        # All are 0 or more, so that the filling changes no maximum.
        mean = tokens.sum(dim=1) / shown.sum(dim=1).clamp(min=1)
        return Encoding(torch.cat([mean, tokens.amax(dim=1)], dim=1), tokens=tokens, mask=real)

    def _normalized(self, x: Tensor, mask: Tensor) -> Tensor:
        if self.band_norm is not None:
            found: Tensor = self.band_norm(x.transpose(1, 2), mask)
            return found.transpose(1, 2)
        if self.normalization == "none":
            return x
        shown = mask.unsqueeze(2)
        number = shown.sum(dim=1, keepdim=True).clamp(min=1)
        centred = (x - x.sum(dim=1, keepdim=True) / number) * shown
        deviation = (centred.square().sum(dim=1, keepdim=True) / number).sqrt()
        # Silence never changes: dividing its rounding noise by itself would make it loud.
        return centred / deviation.clamp(min=1e-2)
