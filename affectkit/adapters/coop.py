"""Context vectors in place of the words around a class name."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from affectkit.adapters.class_text import readable
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.feature_memory import FeatureMemory
from affectkit.adapters.prompt_context import prompt_context
from affectkit.adapters.prompt_layout import ContextPosition, PromptLayout
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class CoOp(nn.Module):
    r"""Learns the words around class names, :math:`t_c = T([v_1 \dots v_n\ c\ .])`, and nothing else.

    Args:
        base: The CLIP model; it stays frozen.
        class_names: Names of the classes in the order of the labels; underscores become spaces.
        num_context: Number n of vectors; None = one for each token of ``words``, or 16.
        position: Where the name stands: ``"end"``, ``"middle"`` or ``"front"``.
        class_specific: Whether each class has vectors of its own.
        words: Words that the vectors start as, e.g. ``"a photo of a"``; None = noise.

    Shape:
        - Input: ``pooled`` (B, E).
        - Output: ``logits`` (B, C), ``embedding`` (B, E) as given.

    Raises:
        ValueError: If a prompt is too long for the text tower, or a name has no token.
        UnsupportedTowerError: If the model has no text tower.

    References:
        - Zhou et al., Learning to Prompt for Vision-Language Models, IJCV 2022, arXiv:2109.01134

    Deviation from the paper:
        The official code lets ``words`` override the number of vectors and ignores a wish for class-specific
        ones; here the first is an error where they disagree, and each class starts from the words. Text
        positions after the end mark are left out, which changes no number.

    Examples:
        >>> import torch
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = CoOp(clip_base("tiny"), ["joy", "anger", "fear"], words="a photo of a")
        >>> adapter(adapter.encode(torch.rand(2, 3, 32, 32))).logits.shape
        torch.Size([2, 3])
        >>> [name for name, parameter in adapter.named_parameters() if parameter.requires_grad]
        ['context']
    """

    def __init__(
        self,
        base: ClipBase,
        class_names: Sequence[str],
        *,
        num_context: int | None = None,
        position: ContextPosition = "end",
        class_specific: bool = False,
        words: str | None = None,
    ) -> None:
        super().__init__()
        texts = readable(class_names)
        vectors = prompt_context(
            base, num_context=num_context, words=words, num_classes=len(texts) if class_specific else None
        )
        self.base = base
        self.num_context = num_context
        self.position: ContextPosition = position
        self.class_specific = class_specific
        self.words = words
        self.context = nn.Parameter(vectors)
        self.layout = PromptLayout(base, texts, vectors.shape[-2], position=position, words=words)
        self.memory = FeatureMemory()
        self._class_names = tuple(class_names)

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

    def text_features(self) -> Tensor:
        """Return the features of the classes, (C, E), not scaled to unit length."""
        tower = self.base.require_text()

        def compute() -> Tensor:
            prompts: Tensor = self.layout(tower, self.context)
            encoded: Tensor = tower(prompts, self.layout.end, cut=False)
            return encoded

        features: Tensor = self.memory(compute, lambda: [self.context, *tower.parameters()])
        return features

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled``."""
        logits = cosine_logits(features.pooled, self.text_features(), self.base)
        return AffectOutput(logits=logits, embedding=features.pooled)

    def rename(self, class_names: Sequence[str]) -> None:
        """Take other class names; as many as before where each class has vectors of its own.

        Raises:
            ValueError: If class-specific vectors are to serve another number of classes.
        """
        texts = readable(class_names)
        if self.class_specific and len(texts) != len(self._class_names):
            raise ValueError(
                f"CoOp learned vectors for each of {len(self._class_names)} classes and was given "
                f"{len(texts)} names: give as many names, or train with class_specific=False."
            )
        self.layout.arrange(self.base, texts)
        self._class_names = tuple(class_names)
        self.memory.clear()
