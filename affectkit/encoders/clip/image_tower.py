"""The image side of a CLIP model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from affectkit.encoders.clip.unsupported_tower import UnsupportedTowerError
from affectkit.types import Encoding


class ClipImageTower(nn.Module):
    """Pictures to the space that a CLIP model shares with text: projected, not scaled to unit length.

    Args:
        visual: The image model of open_clip.
        out_dim: Width E of the shared space.
        width: Width of the patch tokens, or of the last feature map.
        image_size: Height and width that the model reads.
        promptable: Whether further tokens can be put beside the patches.

    Shape:
        - Input: (B, 3, H, W) float, normalised as the weights want it.
        - Output: ``pooled`` (B, E).

    Raises:
        ValueError: If the pictures have another size.
        UnsupportedTowerError: If prompts are given to a tower that has no patch tokens to put them beside.
    """

    def __init__(
        self, visual: nn.Module, *, out_dim: int, width: int, image_size: tuple[int, int], promptable: bool
    ) -> None:
        super().__init__()
        self.visual = visual
        self.out_dim = out_dim
        self.width = width
        self.image_size = image_size
        self.promptable = promptable

    @property
    def num_layers(self) -> int:
        """Layers that prompts can be put into."""
        if not self.promptable:
            return 0
        blocks = self.visual.get_submodule("transformer.resblocks")
        assert isinstance(blocks, nn.ModuleList)
        return len(blocks)

    def train(self, mode: bool = True) -> ClipImageTower:
        """Set the mode; a frozen batch normalisation keeps the statistics of its weights."""
        super().train(mode)
        for module in self.modules():
            # The public base of all batch normalisations is private in torch; its attribute is not.
            if hasattr(module, "num_batches_tracked") and not any(
                parameter.requires_grad for parameter in module.parameters()
            ):
                module.eval()
        return self

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ``x``; ``mask`` is there for the protocol of encoders, a picture is always whole."""
        self._check(x)
        # Models with a text decoder also return their tokens.
        result: Tensor | tuple[Tensor, Tensor] = self.visual(x)
        return Encoding(result[0] if isinstance(result, tuple) else result)

    def forward_prompted(self, x: Tensor, prompts: Sequence[Tensor]) -> Encoding:
        """Encode ``x`` with prompt tokens after the patches, anew in each of the first layers.

        Args:
            x: (B, 3, H, W).
            prompts: For layer j, (n, W_v); they take the places of the prompts that layer j-1 put out. Later
                layers carry the tokens on.

        Returns:
            ``pooled`` (B, E), pooled from the class token and the patches alone.
        """
        if not self.promptable:
            raise UnsupportedTowerError(
                f"an image tower of the kind {type(self.visual).__name__} has no patch tokens to put prompts "
                "beside: choose a ViT of open_clip, or an adapter that only prompts the text."
            )
        self._check(x)
        if not prompts:
            return self.forward(x)
        visual: Any = self.visual
        tokens: Tensor = visual._embeds(x)
        count, added = tokens.shape[1], prompts[0].shape[0]
        for layer, block in enumerate(visual.transformer.resblocks):
            if layer < len(prompts):
                prompt = prompts[layer].to(tokens.dtype)
                if layer == 0:
                    # The tower has normalised its tokens by now; the norm acts on each token alone.
                    prompt = visual.ln_pre(prompt)
                tokens = torch.cat([tokens[:, :count], prompt.expand(x.shape[0], -1, -1)], dim=1)
            tokens = block(tokens)
        assert tokens.shape[1] == count + added
        pooled: Tensor = visual._pool(tokens[:, :count])[0]
        if visual.proj is not None:
            pooled = pooled @ visual.proj
        return Encoding(pooled)

    def _check(self, x: Tensor) -> None:
        if x.dim() != 4 or x.shape[1] != 3 or tuple(x.shape[2:]) != self.image_size:
            height, width = self.image_size
            raise ValueError(
                f"a CLIP image tower got a batch of shape {tuple(x.shape)}: give (B, 3, {height}, {width})."
            )
