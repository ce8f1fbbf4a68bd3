"""Batch normalisation that does not see the filling of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaskedBatchNorm(nn.Module):
    """Brings each channel to mean 0 and deviation 1 over the real frames of a batch.

    In evaluation by the running statistics of training, as ``nn.BatchNorm1d``, which does the work; with
    ``Trainer(sync_batchnorm=True)`` the statistics are those of all ranks.

    Args:
        channels: Number C of channels.
        affine: Whether a scale and a shift are learnt.

    Shape:
        - Input: (B, C, F) or (B, C, F, M); ``mask`` (B, F), True = real.
        - Output: As the input, 0 where masked.

    Examples:
        >>> norm = MaskedBatchNorm(1, affine=False)
        >>> frames = torch.tensor([[[1.0, 3.0, 99.0]]])
        >>> norm(frames, torch.tensor([[True, True, False]])).flatten().round().tolist()
        [-1.0, 1.0, 0.0]
    """

    def __init__(self, channels: int, *, affine: bool = True) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels, affine=affine)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Normalise ``x``."""
        if bool(mask.all()):
            whole: Tensor = self._normalized(x.flatten(2))
            return whole.reshape(x.shape)
        frames = x.movedim(1, 2)
        shown = mask.reshape(*mask.shape, *[1] * (x.ndim - 2)).expand_as(frames)
        real: Tensor = self._normalized(frames[mask])
        return torch.zeros_like(frames, dtype=real.dtype).masked_scatter(shown, real).movedim(2, 1)

    def _normalized(self, values: Tensor) -> Tensor:
        norm = self.norm
        if values.numel() > values.shape[1]:
            found: Tensor = norm(values)
            return found
        # One value a channel has no deviation: judge it by what was seen before.
        return nn.functional.batch_norm(
            values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )
