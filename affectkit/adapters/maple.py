"""Vectors in the first layers of both towers, those of the image made from those of the text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectkit.adapters.class_text import readable
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.feature_memory import FeatureMemory
from affectkit.adapters.prompt_context import prompt_context
from affectkit.adapters.prompt_layout import PromptLayout
from affectkit.encoders.clip import ClipBase, UnsupportedTowerError
from affectkit.types import AffectOutput, Encoding


class MaPLe(nn.Module):
    r"""Learns text vectors :math:`P_j` for the first layers; the image tower gets :math:`W_j P_j + b_j`.

    Layer 0 gets the vectors that stand among the words; layers 1 to depth - 1 have theirs replaced; later
    layers carry them on. In the image tower they stand after the patches.

    Args:
        base: The CLIP model; it stays frozen.
        class_names: Names of the classes in the order of the labels; underscores become spaces.
        num_context: Number n of vectors in each layer; None = one for each token of ``words``.
        depth: Number of layers with vectors of their own, the first included; None = 9, or all layers of
            the smaller tower.
        words: Words that the first vectors start as; later words stay words. None = noise.

    Shape:
        - Input: ``pooled`` (B, E) from :meth:`encode`.
        - Output: ``logits`` (B, C), ``embedding`` (B, E) as given.

    Raises:
        ValueError: If a prompt is too long for the text tower, or ``depth`` is more than a tower has layers.
        UnsupportedTowerError: If the image tower has no tokens (a ResNet), or there is no text tower.

    References:
        - Khattak et al., MaPLe: Multi-modal Prompt Learning, CVPR 2023, arXiv:2210.03117

    Deviation from the paper:
        None in the numbers. The official code fixes the widths to 512 and 768 and the precision to half;
        here both follow the towers.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = MaPLe(clip_base("tiny"), ["joy", "anger", "fear"])
        >>> adapter(adapter.encode(torch.rand(2, 3, 32, 32))).logits.shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        base: ClipBase,
        class_names: Sequence[str],
        *,
        num_context: int | None = 2,
        depth: int | None = None,
        words: str | None = "a photo of a",
    ) -> None:
        super().__init__()
        texts = readable(class_names)
        tower = base.require_text()
        if not base.image.promptable:
            raise UnsupportedTowerError(
                f"MaPLe puts vectors beside the patches, and the image tower of '{base.identity.name}' has "
                "none: choose a ViT, or CoOp, which prompts the text alone."
            )
        layers = min(tower.num_layers, base.image.num_layers)
        prompted = min(9, layers) if depth is None else depth
        if not 1 <= prompted <= layers:
            raise ValueError(
                f"MaPLe got depth={depth} for towers of {tower.num_layers} (text) and "
                f"{base.image.num_layers} (image) layers: give 1 to {layers}."
            )
        vectors = prompt_context(base, num_context=num_context, words=words)
        self.base = base
        self.num_context = num_context
        self.depth = depth
        self.words = words
        self.context = nn.Parameter(vectors)
        later = [torch.empty_like(vectors) for _ in range(prompted - 1)]
        for vector in later:
            nn.init.normal_(vector, std=0.02)
        self.deep = nn.ParameterList([nn.Parameter(vector) for vector in later])
        self.to_image = nn.ModuleList(
            [nn.Linear(tower.width, base.image.width, device=vectors.device) for _ in range(prompted)]
        )
        self.layout = PromptLayout(base, texts, vectors.shape[-2], words=words)
        self.memory = FeatureMemory()
        self._class_names = tuple(class_names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self._class_names

    @property
    def adapts_images(self) -> bool:
        """Whether features of pictures change in training: always."""
        return True

    def encode(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures with the image side of the vectors."""
        vectors = [self.context, *self.deep]
        prompts: list[Tensor] = [project(vector) for project, vector in zip(self.to_image, vectors)]
        return self.base.image.forward_prompted(images, prompts)

    def text_features(self) -> Tensor:
        """Return the features of the classes, (C, E), not scaled to unit length."""
        tower = self.base.require_text()

        def compute() -> Tensor:
            prompts: Tensor = self.layout(tower, self.context)
            encoded: Tensor = tower(prompts, self.layout.end, deep=list(self.deep), cut=False)
            return encoded

        features: Tensor = self.memory(compute, lambda: [self.context, *self.deep, *tower.parameters()])
        return features

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled``."""
        logits = cosine_logits(features.pooled, self.text_features(), self.base)
        return AffectOutput(logits=logits, embedding=features.pooled)

    def rename(self, class_names: Sequence[str]) -> None:
        """Take other class names, of any number."""
        self.layout.arrange(self.base, readable(class_names))
        self._class_names = tuple(class_names)
        self.memory.clear()
