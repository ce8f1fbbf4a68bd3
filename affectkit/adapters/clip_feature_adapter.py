"""A bottleneck on frozen image features, mixed with them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from affectkit.adapters.class_text import ClassText
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.zero_shot import template_sentences
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class ClipFeatureAdapter(nn.Module):
    r"""CLIP-Adapter, :math:`f' = \rho\,\mathrm{relu}(W_2\,\mathrm{relu}(W_1 f)) + (1 - \rho) f`.

    Features are mixed as the tower gives them, not at unit length; logits are cosines of :math:`f'` with
    the class sentences, times the temperature of the model.

    Args:
        base: The CLIP model; it stays frozen.
        class_names: Names of the classes in the order of the labels.
        templates: ``"seen"``, ``"felt"``, ``"evoked"``, ``"plain"``, or sentences with ``{}`` for the name.
        ratio: :math:`\rho`, the share of the adapted features.
        reduction: The bottleneck has E / reduction units, at least one.
        output_relu: Whether the second ReLU is there.

    Shape:
        - Input: ``features.pooled`` (B, E), not normalised.
        - Output: ``logits`` (B, C); ``embedding`` (B, E) = :math:`f'`.

    Raises:
        ValueError: If a number is out of range.

    References:
        Gao et al., "CLIP-Adapter: Better Vision-Language Models with Feature Adapters", IJCV 2024,
        arXiv:2110.04544.

    Deviation from the paper:
        The formula of the paper has no ReLU after the second layer, its code has one, and the published
        numbers are of the code: ``output_relu=False`` is the formula. Only the adapter of image features
        is built, as in the code.

    Examples:
        >>> import torch
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = ClipFeatureAdapter(clip_base("tiny"), ["joy", "anger", "fear"])
        >>> adapter(adapter.encode(torch.zeros(2, 3, 32, 32))).logits.shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        base: ClipBase,
        class_names: Sequence[str],
        *,
        templates: str | tuple[str, ...] = "plain",
        ratio: float = 0.2,
        reduction: int = 4,
        output_relu: bool = True,
    ) -> None:
        super().__init__()
        if not 0.0 <= ratio <= 1.0:
            raise ValueError(f"ClipFeatureAdapter got ratio={ratio}: give a share in [0, 1].")
        if reduction < 1:
            raise ValueError(f"ClipFeatureAdapter got reduction={reduction}: give at least 1.")
        self.base = base
        self.text = ClassText(base, class_names, template_sentences(templates))
        self.templates = templates
        self.ratio = ratio
        self.reduction = reduction
        self.output_relu = output_relu
        width = base.embed_dim
        hidden = max(1, width // reduction)
        layers: list[nn.Module] = [
            nn.Linear(width, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, width, bias=False),
        ]
        self.adapter = nn.Sequential(*layers, *([nn.ReLU()] if output_relu else []))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.text.class_names

    @property
    def adapts_images(self) -> bool:
        """Whether what the tower gives changes in training; the bottleneck comes after it."""
        return self.base.trains_images

    def encode(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures."""
        return self.base.encode_image(images)

    def forward(self, features: Encoding) -> AffectOutput:
        """Adapt ``features.pooled`` (B, E) and classify."""
        adapted: Tensor = self.adapter(features.pooled)
        mixed = self.ratio * adapted + (1 - self.ratio) * features.pooled
        text: Tensor = self.text(self.base)
        return AffectOutput(logits=cosine_logits(mixed, text, self.base), embedding=mixed)

    def rename(self, class_names: Sequence[str]) -> None:
        """Go on with other class names."""
        self.text.rename(self.base, class_names)
