"""Stretches of time and bands of frequency that training does not hear."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SpectrogramMasking(nn.Module):
    r"""Sets random stretches of frames and random bands to 0, in training only.

    Each stretch begins anywhere and is up to ``time_share`` of the recording's own frames long, each band
    up to ``band_share`` of all bands wide. Frames should be normalised, so that 0 is their mean. Numbers are
    drawn from the global random state, which the tasks seed for each step.

    Args:
        time_masks: Stretches of a recording.
        time_share: Longest stretch, as a share of the recording.
        band_masks: Bands of a recording.
        band_share: Widest band, as a share of all bands.

    Shape:
        - Input: (B, F, M); ``mask`` (B, F), True = real, real frames first.
        - Output: (B, F, M).

    Raises:
        ValueError: If a number is out of range.

    References:
        Daniel S. Park, William Chan, Yu Zhang, Chung-Cheng Chiu, Barret Zoph, Ekin D. Cubuk, Quoc V. Le.
        SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition. Interspeech 2019.
        arXiv:1904.08779.

    Deviation from the paper:
        No time warping; widths are shares, so that long and short recordings lose equally much.

    Examples:
        >>> frames = torch.ones(1, 50, 20)
        >>> hide = SpectrogramMasking(time_masks=1, band_masks=0)
        >>> torch.equal(hide.eval()(frames), frames)
        True
    """

    def __init__(
        self,
        *,
        time_masks: int = 2,
        time_share: float = 0.15,
        band_masks: int = 2,
        band_share: float = 0.15,
    ) -> None:
        super().__init__()
        shares = (time_share, band_share)
        if min(time_masks, band_masks) < 0 or not all(0.0 <= share <= 1.0 for share in shares):
            raise ValueError(
                f"SpectrogramMasking got time_masks={time_masks}, time_share={time_share}, "
                f"band_masks={band_masks}, band_share={band_share}: give numbers from 0 and shares in [0, 1]."
            )
        self.time_masks = time_masks
        self.time_share = time_share
        self.band_masks = band_masks
        self.band_share = band_share

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Hide parts of ``x`` in training; hand it on in evaluation."""
        if not self.training:
            return x
        frames = x.new_full((len(x),), x.shape[1]) if mask is None else mask.sum(dim=1).to(x.dtype)
        bands = x.new_full((len(x),), x.shape[2])
        in_time = _stretches(frames, x.shape[1], number=self.time_masks, share=self.time_share)
        in_band = _stretches(bands, x.shape[2], number=self.band_masks, share=self.band_share)
        return x.masked_fill(in_time.unsqueeze(2) | in_band.unsqueeze(1), 0.0)


def _stretches(lengths: Tensor, size: int, *, number: int, share: float) -> Tensor:
    """Places (B, size) inside one of ``number`` random stretches of ``lengths`` (B,)."""
    drawn = torch.rand(2, len(lengths), number, 1, device=lengths.device)
    whole = lengths.reshape(-1, 1, 1).float()
    width = drawn[0] * share * whole
    start = drawn[1] * (whole - width)
    place = torch.arange(size, device=lengths.device)
    return ((place >= start) & (place < start + width)).any(dim=1)
