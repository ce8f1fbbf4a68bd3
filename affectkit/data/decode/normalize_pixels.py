"""From uint8 pixels to what a model was trained on, on the device where the model is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class NormalizePixels(nn.Module):
    r"""Scale pixels to 0..1, subtract a mean and divide by a deviation, channel by channel.

    .. math:: y_c = (x_c / 255 - \mu_c) / \sigma_c

    Pixels travel to the device as bytes, a quarter of the size, and become float there.

    Args:
        mean: Mean of each channel; the default is that of ImageNet.
        std: Deviation of each channel; the default is that of ImageNet.

    Shape:
        - Input: (..., C, H, W) uint8.
        - Output: the same, float32, in the memory format of the input.

    Raises:
        ValueError: If the lengths differ, a deviation is not positive, or the input is no uint8.

    Examples:
        >>> NormalizePixels([0.5], [0.5])(torch.tensor([[[0, 255]]], dtype=torch.uint8))
        tensor([[[-1.,  1.]]])
    """

    def __init__(
        self, mean: Sequence[float] = (0.485, 0.456, 0.406), std: Sequence[float] = (0.229, 0.224, 0.225)
    ) -> None:
        super().__init__()
        if len(mean) != len(std) or not all(value > 0 for value in std):
            raise ValueError(f"NormalizePixels got mean={list(mean)} and std={list(std)}: give one each.")
        scale = 1 / (255 * torch.tensor(list(std), dtype=torch.float64))
        shift = -torch.tensor(list(mean), dtype=torch.float64) * 255 * scale
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", scale.float()[:, None, None], persistent=False)
        self.register_buffer("shift", shift.float()[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise ``pixels``."""
        if pixels.dtype != torch.uint8:
            raise ValueError(f"NormalizePixels got {pixels.dtype}: give pixels as uint8, 0 to 255.")
        return pixels.float().mul_(self.scale).add_(self.shift)
