"""A linear classifier on frozen image features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.adapters.class_text import readable
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class LinearProbe(nn.Module):
    r"""Multinomial logistic regression on unit features, :math:`s\,(W f / \lVert f \rVert + b)`.

    It needs no text tower and starts undecided, at :math:`W = 0`.

    Args:
        base: The CLIP model; it stays frozen.
        class_names: Names of the classes in the order of the labels.
        scale: :math:`s`. Unit features differ little; a factor near CLIP's own lets small steps count.

    Shape:
        - Input: ``features.pooled`` (B, E), of any length.
        - Output: ``logits`` (B, C); ``embedding`` (B, E) = the unit features.

    Raises:
        ValueError: If the scale is not positive or a class name stands twice.

    References:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
        ICML 2021, arXiv:2103.00020.

    Deviation from the paper:
        The paper fits raw features by L-BFGS; here features have unit length and any optimizer serves.

    Examples:
        >>> import torch
        >>> from affectkit.encoders.clip import clip_base
        >>> probe = LinearProbe(clip_base("tiny"), ["joy", "anger"])
        >>> probe(probe.encode(torch.zeros(3, 3, 32, 32))).logits.shape
        torch.Size([3, 2])
    """

    def __init__(self, base: ClipBase, class_names: Sequence[str], *, scale: float = 100.0) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"LinearProbe got scale={scale}: give a positive number.")
        readable(class_names)
        self.base = base
        self.scale = scale
        self._class_names = tuple(class_names)
        self.classifier = nn.Linear(base.embed_dim, len(self._class_names))
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self._class_names

    @property
    def adapts_images(self) -> bool:
        """Whether features of pictures change in training."""
        return self.base.trains_images

    def encode(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures."""
        return self.base.encode_image(images)

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled`` (B, E)."""
        # In float32 also under autocast, as the cosines of the other adapters: it is the smallest product.
        with torch.autocast(features.pooled.device.type, enabled=False):
            unit = F.normalize(features.pooled.float(), dim=-1)
            raw: Tensor = self.classifier(unit)
        return AffectOutput(logits=self.scale * raw, embedding=unit)

    def rename(self, class_names: Sequence[str]) -> None:
        """Refuse other names: each row of the classifier was learned for one class.

        Raises:
            ValueError: If the names differ from those trained on.
        """
        if tuple(class_names) != self._class_names:
            raise ValueError(
                f"a linear probe knows only the classes it was trained on, {list(self._class_names)}: "
                "train a new one, or choose an adapter that reads class names."
            )
