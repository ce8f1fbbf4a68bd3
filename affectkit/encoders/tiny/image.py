"""Images without weights to fetch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.encoders.tiny.random_signs import random_signs
from affectkit.encoders.weights_digest import weights_digest

_GRID = 32  # images are averaged down to this many cells a side
_COARSE = 16  # brightness cells a side
_EDGES = 8  # cells a side of the mean absolute slope, for each direction
_WIDTH = _COARSE * _COARSE + 2 * _EDGES * _EDGES + 6


class TinyImageEncoder(nn.Module):
    """Brightness on a grid, slopes on a coarser one and colour statistics, randomly projected.

    Brightness and slopes are taken after removing the image's mean and contrast, so that light
    does not decide; the six colour statistics (mean and deviation of each channel) keep it.

    Args:
        out_dim: Width D of the rows.
        seed: Seed of the projection.

    Shape:
        - Input: n images, uint8 (H, W, 3), each of any size.
        - Output: (n, out_dim) float32.

    Raises:
        ValueError: If ``out_dim`` is below 1, or an item is not a uint8 (H, W, 3) image.

    Examples:
        >>> TinyImageEncoder(out_dim=32)([torch.zeros(48, 48, 3, dtype=torch.uint8)]).shape
        torch.Size([1, 32])
    """

    modality = "visual"

    def __init__(self, *, out_dim: int = 128, seed: int = 0) -> None:
        super().__init__()
        if out_dim < 1:
            raise ValueError(f"TinyImageEncoder got out_dim={out_dim}: give at least 1.")
        self.out_dim = out_dim
        self.projection: Tensor
        self.register_buffer("projection", random_signs(_WIDTH, out_dim, seed=seed) / _WIDTH**0.5)

    @property
    def identity(self) -> str:
        """Name, settings and digest of the weights."""
        return f"tiny-image:1 dim={self.out_dim} sha256:{weights_digest(self)}"

    @torch.no_grad()
    def forward(self, items: Sequence[Tensor]) -> Tensor:
        """Encode images."""
        if not items:
            return torch.zeros(0, self.out_dim)
        device = self.projection.device
        image = torch.stack([_shrink(item.to(device)) for item in items])
        grey = image.mean(dim=1, keepdim=True)
        centred = grey - grey.mean(dim=(2, 3), keepdim=True)
        grey = centred / (centred.square().mean(dim=(2, 3), keepdim=True).sqrt() + 0.05)
        across = F.adaptive_avg_pool2d(grey.diff(dim=3).abs(), _EDGES)
        down = F.adaptive_avg_pool2d(grey.diff(dim=2).abs(), _EDGES)
        colour = [4 * image.mean(dim=(2, 3)) - 2, 4 * image.flatten(2).std(dim=2, correction=0)]
        parts = [F.adaptive_avg_pool2d(grey, _COARSE), 4 * across, 4 * down]
        row = torch.cat([*(part.flatten(1) for part in parts), *colour], dim=1)
        return (row @ self.projection).cpu()


def _shrink(image: Tensor) -> Tensor:
    """One uint8 (H, W, 3) image to float (3, grid, grid) in [0, 1]."""
    if image.dim() != 3 or image.shape[2] != 3 or image.dtype != torch.uint8 or image.numel() == 0:
        raise ValueError(
            f"TinyImageEncoder got an image of shape {tuple(image.shape)} and type {image.dtype}: "
            "give uint8 (H, W, 3)."
        )
    return F.adaptive_avg_pool2d(image.permute(2, 0, 1).float() / 255.0, _GRID)
