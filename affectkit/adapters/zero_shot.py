"""CLIP as it is, asked with sentences."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from affectkit.adapters.class_text import ClassText
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.templates import TEMPLATES
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class ZeroShot(nn.Module):
    r"""Classes by an ensemble of sentences, :math:`e^{s} \cos(f, t_c)`; nothing is trained.

    Args:
        base: The CLIP model.
        class_names: Names of the classes in the order of the labels.
        templates: ``"seen"`` (a face shows it), ``"felt"`` (someone has it), ``"evoked"`` (a picture causes
            it), ``"plain"``, or sentences with ``{}`` for the name.

    Shape:
        - Input: ``pooled`` (B, E).
        - Output: ``logits`` (B, C), ``embedding`` (B, E) as given.

    Raises:
        ValueError: If the templates are unknown, or a sentence cannot be tokenised.

    References:
        - Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021,
          arXiv:2103.00020

    Examples:
        >>> import torch
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = ZeroShot(clip_base("tiny"), ["joy", "anger", "fear"])
        >>> adapter(adapter.encode(torch.rand(2, 3, 32, 32))).logits.shape
        torch.Size([2, 3])
    """

    def __init__(
        self, base: ClipBase, class_names: Sequence[str], *, templates: str | tuple[str, ...] = "seen"
    ) -> None:
        super().__init__()
        self.base = base
        self.templates = templates
        self.text = ClassText(base, class_names, template_sentences(templates))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.text.class_names

    @property
    def adapts_images(self) -> bool:
        """Whether features of pictures change in training."""
        return self.base.trains_images

    def encode(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures."""
        return self.base.encode_image(images)

    def text_features(self) -> Tensor:
        """Return the features of the classes, (C, E) of unit length."""
        features: Tensor = self.text(self.base)
        return features

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled``."""
        logits = cosine_logits(features.pooled, self.text_features(), self.base)
        return AffectOutput(logits=logits, embedding=features.pooled)

    def rename(self, class_names: Sequence[str]) -> None:
        """Take other class names, of any number."""
        self.text.rename(self.base, class_names)


def template_sentences(templates: str | Sequence[str]) -> tuple[str, ...]:
    """Look an ensemble up by its name, or take sentences as they are.

    Raises:
        ValueError: If there is no ensemble of that name.
    """
    if not isinstance(templates, str):
        return tuple(templates)
    if templates not in TEMPLATES:
        raise ValueError(
            f"there are no templates {templates!r}: give one of {', '.join(TEMPLATES)}, "
            "or sentences with {}."
        )
    return TEMPLATES[templates]
