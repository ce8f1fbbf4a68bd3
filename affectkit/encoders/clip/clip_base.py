"""A CLIP model as two towers and what goes with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectkit.encoders.clip.image_tower import ClipImageTower
from affectkit.encoders.clip.pixel_normalization import PixelNormalization
from affectkit.encoders.clip.text_tower import ClipTextTower
from affectkit.encoders.clip.tokenizer import ClipTokenizer, Tokens
from affectkit.encoders.clip.unsupported_tower import UnsupportedTowerError
from affectkit.encoders.weights_digest import weights_digest
from affectkit.types import Encoding


class BaseIdentity(NamedTuple):
    """Which model an adapter was trained on: how to ask for it again, and a digest of its weights."""

    name: str
    digest: str


class ClipBase(nn.Module):
    """The two towers of a CLIP model, frozen, with tokenizer, temperature and pixel normalisation.

    Every parameter starts frozen; an adapter unfreezes what it trains. A base in which nothing is trained
    stays in evaluation whatever mode it is set to.

    Args:
        image: Image tower.
        text: Text tower; None = the model has none.
        tokenizer: Tokenizer of the text tower.
        logit_scale: Logarithm of the factor on cosines, as the weights have it.
        logit_bias: Number added to scaled cosines, as the weights have it; None = none.
        normalization: What the weights expect of pixels.
        name: How the model is asked for again.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> base = clip_base("tiny")
        >>> base.tokenize(["a happy face"]).end
        tensor([4])
        >>> base.encode_text(base.tokenize(["a happy face", "anger"])).shape
        torch.Size([2, 32])
    """

    logit_scale: Tensor
    logit_bias: Tensor | None

    def __init__(
        self,
        *,
        image: ClipImageTower,
        text: ClipTextTower | None,
        tokenizer: ClipTokenizer | None,
        logit_scale: Tensor,
        logit_bias: Tensor | None,
        normalization: PixelNormalization,
        name: str,
    ) -> None:
        super().__init__()
        if text is not None and text.out_dim != image.out_dim:
            raise ValueError(
                f"the towers of '{name}' end in widths {image.out_dim} (image) and {text.out_dim} (text): "
                "give towers that share a space."
            )
        self.image = image
        self.text = text
        self.tokenizer = tokenizer
        self.logit_scale = nn.Parameter(logit_scale.detach().clone().reshape(()))
        self.logit_bias = (
            None if logit_bias is None else nn.Parameter(logit_bias.detach().clone().reshape(()))
        )
        self.normalization = normalization
        self.embed_dim = image.out_dim
        self.requires_grad_(False)
        self.eval()
        # Now, since adapters change what stands inside.
        self.identity = BaseIdentity(name, weights_digest(self))

    def train(self, mode: bool = True) -> ClipBase:
        """Set the mode; where nothing is trained there is nothing to drop, and evaluation stays."""
        super().train(mode and any(parameter.requires_grad for parameter in self.parameters()))
        return self

    def require_text(self) -> ClipTextTower:
        """Return the text tower.

        Raises:
            UnsupportedTowerError: If the model has none.
        """
        if self.text is None:
            raise UnsupportedTowerError(
                f"the model '{self.identity.name}' has no text tower, which prompts and class names need: "
                "choose a model with one, or an adapter of image features alone (a linear probe)."
            )
        return self.text

    @property
    def trains_images(self) -> bool:
        """Whether anything in the image tower is trained."""
        return any(parameter.requires_grad for parameter in self.image.parameters())

    def encode_image(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures, without a graph where nothing in it can need one."""
        learned = images.requires_grad or self.trains_images
        with torch.set_grad_enabled(torch.is_grad_enabled() and learned):
            encoded: Encoding = self.image(images)
        return encoded

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Tokenise ``texts``, on the device of the weights.

        Raises:
            ValueError: If a text is too long for the model, or nothing is left of it as tokens.
            UnsupportedTowerError: If the model has no text tower.
        """
        self.require_text()
        assert self.tokenizer is not None
        ids, end = self.tokenizer(texts)
        device = self.logit_scale.device
        return Tokens(ids.to(device), end.to(device))

    def encode_text(self, tokens: Tokens) -> Tensor:
        """Encode tokenised texts to (N, E), not scaled to unit length."""
        tower = self.require_text()
        length = tower.positions_needed(int(tokens.end.max()))
        encoded: Tensor = tower(tower.embed(tokens.ids[:, :length]), tokens.end, cut=False)
        return encoded
