"""Pictures through any network of timm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from affectkit.encoders import timm_bridge as bridge
from affectkit.encoders.clip.pixel_normalization import PixelNormalization
from affectkit.types import Encoding

#: As the network's own classifier would read it, or the mean or maximum over all places.
PicturePooling: TypeAlias = Literal["native", "avg", "max"]


class TimmImageEncoder(nn.Module):
    """Features of pictures from a network of timm without its classifier.

    Random weights come from the global random state, like those of any module of torch.

    Args:
        name: Name in timm, e.g. ``"resnet18"``, with a tag where published weights are meant;
            ``"hf-hub:ORG/NAME"``; ``"local-dir:FOLDER"``; or ``"tiny"`` and ``"tiny-vit"``, which are small.
        pretrained: Whether published weights are loaded, and downloaded unless they are there.
        weights: File of weights of this network: safetensors, or one that torch reads without running
            code. A classifier in it is left out.
        pooling: ``"native"`` is what the classifier of the network would read (a mean for most, a class
            token, an extra layer); ``"avg"`` and ``"max"`` run over all places instead.
        tokens: Whether the features of all places are handed on too.
        image_size: Height and width of the pictures, for networks that are built for one size
            (transformers); others read any size and take no notice.
        options: Further arguments of the network, e.g. ``{"drop_path_rate": 0.1}``.

    Shape:
        - Input: (B, 3, H, W) float, normalised by ``NormalizePixels(*encoder.normalization)``.
        - Output: ``pooled`` (B, D); ``tokens`` (B, T, D') where asked for, row by row of the picture.

    Raises:
        MissingExtraError: If timm is not installed.
        FileNotFoundError: If there is no weights file.
        ValueError: If name, option or weights do not fit, or pictures come as bytes or in another size.

    References:
        Ross Wightman. PyTorch Image Models. https://github.com/huggingface/pytorch-image-models.

    Examples:
        >>> encoder = TimmImageEncoder("tiny").eval()
        >>> encoder(torch.zeros(2, 3, 48, 48)).pooled.shape == (2, encoder.out_dim)
        True
        >>> encoder.normalization.mean
        (0.485, 0.456, 0.406)
    """

    #: Pictures, not stored features: a task then asks the data for no width of features.
    reads_raw: Final = True

    def __init__(
        self,
        name: str = "tiny",
        *,
        pretrained: bool = False,
        weights: str | None = None,
        pooling: PicturePooling = "native",
        tokens: bool = False,
        image_size: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if pooling not in ("native", "avg", "max"):
            raise ValueError(f"TimmImageEncoder got pooling={pooling!r}: give 'native', 'avg' or 'max'.")
        self.network = bridge.build_network(
            name, pretrained=pretrained, weights=weights, image_size=image_size, options=options
        )
        self.name = name
        self.pooling: PicturePooling = pooling
        self.tokens = tokens
        self.normalization: PixelNormalization = bridge.pixel_normalization(self.network)
        self.image_size = bridge.fixed_size(name, image_size)
        network: Any = self.network
        self._width = int(network.num_features)
        self._out_dim = (
            int(getattr(network, "head_hidden_size", network.num_features))
            if pooling == "native"
            else self._width
        )
        self._prefix = int(getattr(network, "num_prefix_tokens", 0))

    @property
    def out_dim(self) -> int:
        """Width D of the encoding."""
        return self._out_dim

    def train(self, mode: bool = True) -> TimmImageEncoder:
        """Set the mode; a frozen batch normalisation keeps the statistics of its weights."""
        super().train(mode)
        bridge.keep_frozen_statistics(self)
        return self

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ``x``; ``mask`` is there for the protocol of encoders, a picture is always whole."""
        check_pictures(x, name=self.name, image_size=self.image_size)
        network: Any = self.network
        found: Tensor = network.forward_features(x)
        places = self._places(found) if self.tokens or self.pooling != "native" else None
        if self.pooling == "native" or places is None:
            pooled: Tensor = network.forward_head(found, pre_logits=True)
        else:
            pooled = places.mean(1) if self.pooling == "avg" else places.amax(1)
        return Encoding(pooled, tokens=places if self.tokens else None)

    def _places(self, found: Tensor) -> Tensor:
        """Features of all places (B, T, D'), without class tokens."""
        if isinstance(found, Tensor) and found.ndim == 4:
            last = bridge.channels_last(self.network)
            found = found.flatten(1, 2) if last else found.flatten(2).transpose(1, 2)
        elif isinstance(found, Tensor) and found.ndim == 3:
            found = found[:, self._prefix :]
        if not isinstance(found, Tensor) or found.ndim != 3 or found.shape[-1] != self._width:
            raise ValueError(
                f"the picture network {self.name!r} has no features of single places: use pooling='native' "
                "and tokens=False."
            )
        return found


def check_pictures(x: Tensor, *, name: str, image_size: int | None) -> None:
    """Refuse what is no batch of normalised pictures of the right size.

    Raises:
        ValueError: If so.
    """
    if not torch.is_floating_point(x):
        raise ValueError(
            f"the picture network {name!r} got pixels as {x.dtype}: normalise them first, by "
            "NormalizePixels(*encoder.normalization) or in the task."
        )
    if x.ndim != 4 or x.shape[1] != 3 or (image_size is not None and set(x.shape[2:]) != {image_size}):
        size = "H, W" if image_size is None else f"{image_size}, {image_size}"
        raise ValueError(
            f"the picture network {name!r} got a batch of shape {tuple(x.shape)}: give (B, 3, {size})"
            f"{'' if image_size is None else ', or build it with the image_size of your pictures'}."
        )
