"""Every utterance of a conversation through an encoder of single recordings, texts or pictures."""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor, nn

from affectkit.types import Encoder, Encoding


class UtteranceEncoder(nn.Module):
    """Runs an encoder over the utterances of conversations, so that a conversation model trains it along.

    Only utterances that are there are encoded, all of a batch in one call; the others are 0 and cost
    nothing.

    Args:
        encoder: An encoder of single items, e.g. :class:`~affectkit.encoders.LogMelConvEncoder`.

    Shape:
        - Input: (B, U, T) or (B, U, ...); ``mask`` (B, U, T), True = real, or (B, U) where items have no
          length of their own; None = every one is there.
        - Output: ``pooled`` (B, U, D); ``mask`` (B, U), utterances that are there.

    Raises:
        TypeError: If the encoder is not an ``nn.Module``.
        ValueError: If input and mask do not fit.

    Examples:
        >>> from affectkit.encoders import LogMelConvEncoder
        >>> voice = UtteranceEncoder(LogMelConvEncoder(8000, num_mels=16, widths=(4,))).eval()
        >>> mask = torch.ones(2, 3, 800, dtype=torch.bool)
        >>> voice(torch.zeros(2, 3, 800), mask).pooled.shape == (2, 3, voice.out_dim)
        True
    """

    #: What it reads is not stored features, so a task has no width to compare with the data's.
    reads_raw: Final = True

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        if not isinstance(encoder, nn.Module):
            raise TypeError(f"UtteranceEncoder got {type(encoder).__name__}: give an nn.Module.")
        self.encoder = cast(nn.Module, encoder)
        self.out_dim = encoder.out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ``x`` (B, U, ...)."""
        if x.ndim < 3 or (mask is not None and mask.shape != x.shape[: mask.ndim]) or _flat(mask):
            raise ValueError(
                f"UtteranceEncoder got an input of shape {tuple(x.shape)} and a mask of shape "
                f"{None if mask is None else tuple(mask.shape)}: give (B, U, ...) with a mask (B, U) or "
                "(B, U, T)."
            )
        within = mask if mask is not None and mask.ndim > 2 else None
        if mask is None:
            there = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        else:
            there = mask if within is None else within.any(dim=2)
        found: Encoding = self.encoder(x[there], None if within is None else within[there])
        pooled = found.pooled.new_zeros(*there.shape, self.out_dim)
        return Encoding(pooled.masked_scatter(there.unsqueeze(2), found.pooled), mask=there)


def _flat(mask: Tensor | None) -> bool:
    return mask is not None and mask.ndim < 2
