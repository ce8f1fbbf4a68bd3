"""LoRA inside the towers of a CLIP model."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, Self

from torch import Tensor, nn

from affectkit.adapters.apply_lora import apply_lora
from affectkit.adapters.class_text import ClassText
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.lora_attention import Projection
from affectkit.adapters.low_rank_update import LoRAScaling
from affectkit.adapters.merge_lora import merge_lora, unmerge_lora
from affectkit.adapters.zero_shot import template_sentences
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding

#: Which towers learn.
LoRATowers = Literal["image", "text", "both"]


class ClipLora(nn.Module):
    r"""CLIP-LoRA: :math:`W + s B A` in chosen attention projections of one or both towers.

    The defaults are those of CLIP-LoRA. PerceptCLIP is ``towers="image", rank=16, alpha=8.0,
    scaling="lora", dropout=0.1``, with a head of its own on the features of :meth:`encode`.

    The base that is given stays as it is: the adapter has towers of its own that share its weights,
    so they take no further memory, and moving one to a device moves the weights of both.

    Args:
        base: The CLIP model, frozen.
        class_names: Names of the classes in the order of the labels.
        templates: ``"seen"``, ``"felt"``, ``"evoked"``, ``"plain"``, or sentences with ``{}`` for the name.
        towers: ``"image"``, ``"text"`` or ``"both"``.
        targets: Projections that get an update, of ``"q"``, ``"k"``, ``"v"``, ``"out"``.
        layers: Positions of the attention blocks to adapt, negative from the end; None = all.
        rank: Rank r of each update.
        alpha: Numerator of the scale.
        scaling: ``"rslora"`` = alpha / sqrt(r), ``"lora"`` = alpha / r.
        dropout: Share of the input dropped before each update in training.

    Shape:
        - Input: ``features.pooled`` (B, E) of :meth:`encode`.
        - Output: ``logits`` (B, C); ``embedding`` (B, E), not normalised.

    Raises:
        TypeError: If a tower has no attention blocks that LoRA can serve, such as a ResNet.
        ValueError: If an option is out of range.

    References:
        Zanella and Ben Ayed, "Low-Rank Few-Shot Adaptation of Vision-Language Models", CVPR 2024
        workshop, arXiv:2405.18541.

    Deviation from the paper:
        The official code merges weights in place when evaluation starts; here :meth:`merge` is asked for,
        keeps the frozen weights beside the merged ones and never changes what is saved.

    Examples:
        >>> import torch
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = ClipLora(clip_base("tiny"), ["joy", "anger"])
        >>> adapter(adapter.encode(torch.zeros(3, 3, 32, 32))).logits.shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        base: ClipBase,
        class_names: Sequence[str],
        *,
        templates: str | tuple[str, ...] = "plain",
        towers: LoRATowers = "both",
        targets: Sequence[Projection] = ("q", "k", "v"),
        layers: Sequence[int] | None = None,
        rank: int = 2,
        alpha: float = 1.0,
        scaling: LoRAScaling = "rslora",
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        if towers not in ("image", "text", "both"):
            raise ValueError(f"ClipLora got towers={towers!r}: give 'image', 'text' or 'both'.")
        self.base = _with_shared_weights(base)
        self.towers = towers
        self.targets = tuple(targets)
        self.layers = None if layers is None else tuple(layers)
        self.rank = rank
        self.alpha = alpha
        self.scaling = scaling
        self.dropout = dropout
        for tower in self._adapted():
            apply_lora(
                tower, targets, rank=rank, alpha=alpha, scaling=scaling, dropout=dropout, layers=layers
            )
        self.text = ClassText(self.base, class_names, template_sentences(templates))
        self.templates = templates

    def _adapted(self) -> list[nn.Module]:
        chosen: list[nn.Module] = [] if self.towers == "text" else [self.base.image]
        return chosen if self.towers == "image" else [*chosen, self.base.require_text()]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.text.class_names

    @property
    def adapts_images(self) -> bool:
        """Whether the image tower learns."""
        return self.base.trains_images

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a tower that learns nothing stays in evaluation, and training unmerges."""
        super().train(mode)
        for tower in (self.base.image, self.base.text):
            if tower is not None and tower not in self._adapted():
                tower.eval()
        return self

    def encode(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures."""
        return self.base.encode_image(images)

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled`` (B, E)."""
        text: Tensor = self.text(self.base)
        logits = cosine_logits(features.pooled, text, self.base)
        return AffectOutput(logits=logits, embedding=features.pooled)

    def rename(self, class_names: Sequence[str]) -> None:
        """Go on with other class names."""
        self.text.rename(self.base, class_names)

    def merge(self) -> int:
        """Compute the adapted weights once for inference; see :func:`~affectkit.adapters.merge_lora`."""
        return merge_lora(self.base)

    def unmerge(self) -> None:
        """Go back to the numbers of before :meth:`merge`."""
        unmerge_lora(self.base)


def _with_shared_weights(base: ClipBase) -> ClipBase:
    """Copy the modules of ``base``, not its parameters: they are frozen, and large."""
    return copy.deepcopy(base, {id(parameter): parameter for parameter in base.parameters()})
