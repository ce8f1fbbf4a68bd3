"""An encoder of pictures that takes bytes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.encoders import TimmImageEncoder, TimmStageEncoder
from affectkit.types import Encoding


class PixelEncoder(nn.Module):
    """Brings bytes to what the weights of a picture network want, and runs it.

    So a checkpoint carries the normalisation, and no data module has to know it.

    Args:
        encoder: The network.

    Shape:
        - Input: (B, 3, H, W) uint8.
        - Output: as of the network.

    Raises:
        ValueError: If pixels come normalised already.
    """

    #: Pictures have no width that a task could compare with stored features.
    reads_raw = True

    def __init__(self, encoder: TimmImageEncoder | TimmStageEncoder) -> None:
        super().__init__()
        self.normalize = NormalizePixels(*encoder.normalization)
        self.encoder = encoder

    @property
    def out_dim(self) -> int:
        """Width D of the encoding."""
        return self.encoder.out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode pictures."""
        if x.dtype != torch.uint8:
            raise ValueError(
                f"the picture network {self.encoder.name!r} got pixels as {x.dtype}: set the data module's "
                "normalize to false, since the task brings bytes to what its weights want."
            )
        pixels: Tensor = self.normalize(x)
        found: Encoding = self.encoder(pixels)
        return found
