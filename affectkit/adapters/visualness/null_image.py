"""The picture that stands for nothing to be seen."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.encoders.clip import ClipBase


class NullImage(nn.Module):
    """One fixed picture, or a learned vector in its place; part of the state dict either way.

    Args:
        base: The model whose size of pictures, and width of embeddings, it gets.
        kind: ``"noise"``, every pixel uniform in 0..255; ``"black"``; or ``"vector"``, a trained
            vector in the space of embeddings, without any picture.
        seed: Seed of the noise, or of the vector's start.

    Raises:
        ValueError: If the kind is unknown.

    References:
        The NULL picture of TIP-CLIP.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> base = clip_base("tiny")
        >>> null = NullImage(base)
        >>> null.pixels.dtype, null.pixels.shape[0] == 3
        (torch.uint8, True)
    """

    def __init__(
        self, base: ClipBase, *, kind: Literal["noise", "black", "vector"] = "noise", seed: int = 0
    ) -> None:
        super().__init__()
        if kind not in ("noise", "black", "vector"):
            raise ValueError(f"NullImage got kind={kind!r}: use 'noise', 'black' or 'vector'.")
        self.kind = kind
        generator = torch.Generator().manual_seed(seed)
        self.pixels: Tensor | None = None
        self.vector: nn.Parameter | None = None
        if kind == "vector":
            self.vector = nn.Parameter(torch.randn(base.embed_dim, generator=generator))
            return
        shape = (3, *base.image.image_size)
        drawn = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
        # Bytes, and kept: a score means nothing without the very picture that it was trained against.
        del self.pixels
        self.register_buffer("pixels", drawn if kind == "noise" else torch.zeros_like(drawn))

    def picture(self, base: ClipBase) -> Tensor:
        """The picture (1, 3, H, W) as the weights of ``base`` want it.

        Raises:
            ValueError: If it is a vector.
        """
        if self.pixels is None:
            raise ValueError("NullImage of kind 'vector' has no picture: use its vector.")
        mean, std = (
            torch.tensor(part, device=self.pixels.device)[:, None, None] for part in base.normalization
        )
        return ((self.pixels.float() / 255 - mean) / std)[None]
