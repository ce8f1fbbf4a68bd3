"""Context vectors that each picture moves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from affectkit.adapters.class_text import readable
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.prompt_context import prompt_context
from affectkit.adapters.prompt_layout import PromptLayout
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class CoCoOp(nn.Module):
    r"""Prompts of each picture, :math:`t_{ic} = T([v_1 + h(f_i) \dots v_n + h(f_i)\ c\ .])`.

    A small network h moves all vectors by what the picture is, so every picture has texts of its own: B
    pictures and C classes are B C texts. Leaving out the positions after the end mark makes that bearable.

    Args:
        base: The CLIP model; it stays frozen.
        class_names: Names of the classes in the order of the labels; underscores become spaces.
        num_context: Number n of vectors; None = one for each token of ``words``.
        words: Words that the vectors start as; None = noise.
        reduction: The network's hidden width is E divided by this, and at least 8.
        chunk_size: Pictures whose texts are encoded at once; 0 = all. With fewer, activations are
            computed again in the backward pass instead of kept: less memory, more work, same numbers.

    Shape:
        - Input: ``pooled`` (B, E).
        - Output: ``logits`` (B, C), ``embedding`` (B, E) as given.

    Raises:
        ValueError: If a prompt is too long for the text tower, or a number is out of range.
        UnsupportedTowerError: If the model has no text tower.

    References:
        - Zhou et al., Conditional Prompt Learning for Vision-Language Models, CVPR 2022, arXiv:2203.05557

    Deviation from the paper:
        The official module returns a loss in training and logits otherwise; here it always returns logits.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = CoCoOp(clip_base("tiny"), ["joy", "anger", "fear"])
        >>> adapter(adapter.encode(torch.rand(2, 3, 32, 32))).logits.shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        base: ClipBase,
        class_names: Sequence[str],
        *,
        num_context: int | None = None,
        words: str | None = "a photo of a",
        reduction: int = 16,
        chunk_size: int = 0,
    ) -> None:
        super().__init__()
        if reduction < 1 or chunk_size < 0:
            raise ValueError(
                f"CoCoOp got reduction={reduction} and chunk_size={chunk_size}: give at least 1 and 0."
            )
        texts = readable(class_names)
        vectors = prompt_context(base, num_context=num_context, words=words)
        self.base = base
        self.num_context = num_context
        self.words = words
        self.reduction = reduction
        self.chunk_size = chunk_size
        self.context = nn.Parameter(vectors)
        # Of very few rectified units all can be dead from the start.
        hidden = max(8, base.embed_dim // reduction)
        self.shift = nn.Sequential(
            OrderedDict(
                linear1=nn.Linear(base.embed_dim, hidden),
                relu=nn.ReLU(),
                linear2=nn.Linear(hidden, vectors.shape[-1]),
            )
        ).to(vectors.device)
        self.layout = PromptLayout(base, texts, vectors.shape[-2], words=words)
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

    def text_features(self, features: Tensor) -> Tensor:
        """Return the features of the classes for each of the pictures (B, E): (B, C, E)."""
        shift: Tensor = self.shift(F.normalize(features, dim=-1))
        context = self.context + shift.unsqueeze(1)
        rows = context.shape[0]
        if not 0 < self.chunk_size < rows:
            return self._encode(context)
        parts: list[Tensor] = []
        for start in range(0, rows, self.chunk_size):
            part = context[start : start + self.chunk_size]
            if torch.is_grad_enabled():
                encoded: Tensor = checkpoint(self._encode, part, use_reentrant=False)
                parts.append(encoded)
            else:
                parts.append(self._encode(part))
        return torch.cat(parts)

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled``."""
        logits = cosine_logits(features.pooled, self.text_features(features.pooled), self.base)
        return AffectOutput(logits=logits, embedding=features.pooled)

    def rename(self, class_names: Sequence[str]) -> None:
        """Take other class names, of any number."""
        self.layout.arrange(self.base, readable(class_names))
        self._class_names = tuple(class_names)

    def _encode(self, context: Tensor) -> Tensor:
        """Encode the prompts of the vectors (B, n, W) to (B, C, E)."""
        tower = self.base.require_text()
        prompts: Tensor = self.layout(tower, context.unsqueeze(1))
        end = self.layout.end.repeat(prompts.shape[0])
        encoded: Tensor = tower(prompts.flatten(0, 1), end, cut=False)
        return encoded.reshape(prompts.shape[0], -1, encoded.shape[-1])
