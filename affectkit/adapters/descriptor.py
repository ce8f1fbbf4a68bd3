"""Context vectors before a sentence that describes each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from affectkit.adapters.class_text import readable
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.feature_memory import FeatureMemory
from affectkit.adapters.prompt_context import prompt_context
from affectkit.adapters.prompt_layout import ContextPosition, PromptLayout
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class DescriptorPrompts(nn.Module):
    r"""Learns vectors for each class around a sentence about it, :math:`t_c = T([v^c_1 \dots v^c_n\ d_c])`.

    A descriptor says what one sees (brows, mouth, posture, objects); nothing is written after it.

    Args:
        base: The CLIP model.
        class_names: Names of the classes in the order of the labels.
        descriptors: A sentence for each class, in the same order or by the names of the classes; None =
            the names.
        num_context: Number n of vectors for each class.
        position: Where the sentence stands: ``"end"``, ``"middle"`` or ``"front"``.
        temperature: Divides the cosines; None = the model's own scale.

    Shape:
        - Input: ``pooled`` (B, E).
        - Output: ``logits`` (B, C), ``embedding`` (B, E) as given.

    Raises:
        ValueError: If the numbers of names and sentences differ, a sentence has the name of no class, a
            prompt is too long for the text tower, or the temperature is not positive.
        UnsupportedTowerError: If the model has no text tower.

    References:
        - CLIP-CAER, official code

    Deviation from the paper:
        None in the prompts. The published ``temperature`` is 0.01.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = DescriptorPrompts(
        ...     clip_base("tiny"),
        ...     ["enjoyment", "fatigue"],
        ...     descriptors=("lifted cheeks and an open smile", "half closed eyes, head on the arms"),
        ... )
        >>> adapter.text_features().shape
        torch.Size([2, 32])
    """

    def __init__(
        self,
        base: ClipBase,
        class_names: Sequence[str],
        *,
        descriptors: tuple[str, ...] | dict[str, str] | None = None,
        num_context: int = 8,
        position: ContextPosition = "end",
        temperature: float | None = None,
    ) -> None:
        super().__init__()
        if temperature is not None and temperature <= 0:
            raise ValueError(f"DescriptorPrompts got temperature={temperature}: give a positive number.")
        texts = _described(class_names, descriptors)
        vectors = prompt_context(base, num_context=num_context, words=None, num_classes=len(texts))
        self.base = base
        self.descriptors = descriptors
        self.num_context = num_context
        self.position: ContextPosition = position
        self.temperature = temperature
        self.context = nn.Parameter(vectors)
        self.layout = PromptLayout(base, texts, num_context, position=position, ending="")
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
        text = self.text_features()
        logits = cosine_logits(features.pooled, text, self.base, temperature=self.temperature)
        return AffectOutput(logits=logits, embedding=features.pooled)

    def rename(
        self, class_names: Sequence[str], descriptors: tuple[str, ...] | dict[str, str] | None = None
    ) -> None:
        """Take other names and sentences for as many classes; without sentences, the names stand for them.

        Raises:
            ValueError: If there are more or fewer classes than vectors were learned for.
        """
        texts = _described(class_names, descriptors)
        if len(texts) != len(self._class_names):
            raise ValueError(
                f"DescriptorPrompts learned vectors for each of {len(self._class_names)} classes and was "
                f"given {len(texts)} names: give as many names."
            )
        self.layout.arrange(self.base, texts)
        self.descriptors = descriptors
        self._class_names = tuple(class_names)
        self.memory.clear()


def _described(
    class_names: Sequence[str], descriptors: Sequence[str] | Mapping[str, str] | None
) -> tuple[str, ...]:
    names = readable(class_names)
    if descriptors is None:
        return names
    if isinstance(descriptors, Mapping):
        return _by_name(names, dict(zip(readable(list(descriptors)), descriptors.values(), strict=True)))
    if len(descriptors) != len(names):
        raise ValueError(
            f"{len(names)} classes were given {len(descriptors)} descriptors: give one sentence for each."
        )
    return tuple(descriptors)


def _by_name(names: tuple[str, ...], sentences: Mapping[str, str]) -> tuple[str, ...]:
    missing = [name for name in names if name not in sentences]
    unknown = [name for name in sentences if name not in names]
    if unknown:
        beside = f" and none for {missing[0]!r}" if missing else ""
        raise ValueError(
            f"the descriptors have a sentence for {unknown[0]!r}{beside}: give one for each of the classes "
            f"{', '.join(names)}, and for no other."
        )
    if missing:
        raise ValueError(
            f"the descriptors have no sentence for {missing[0]!r}: give one for each of the classes "
            f"{', '.join(names)}."
        )
    return tuple(sentences[name] for name in names)
