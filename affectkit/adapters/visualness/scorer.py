"""The visualness of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.adapters.visualness.null_image import NullImage
from affectkit.encoders.clip import ClipBase, Tokens
from affectkit.types import AffectOutput, Encoding

Tower = Literal["text", "image", "scale"]


class VisualnessScorer(nn.Module):
    r"""One minus the cosine between a text and the NULL picture: 0 = nothing to be seen, up to 2.

    .. math:: v(t) = 1 - \cos(t, I_{\text{NULL}})

    It is a head over text features, and :meth:`contrast` gives what
    :class:`~affectkit.losses.NullTargetContrastiveLoss` compares. The image tower changes while it
    is trained, so the embedding of the NULL picture is made anew in every call.

    Args:
        base: The CLIP model; what is named in ``trained`` is unfrozen.
        null: See :class:`NullImage`.
        seed: Seed of the NULL picture.
        threshold: Texts that score above it count as visual; find it with :meth:`set_threshold`.
        trained: Which of the text tower, the image tower and the temperature are trained.

    Shape:
        - Input: ``features.pooled`` (B, E), of the text tower.
        - Output: ``dims`` (B, 1), the scores; ``logits`` (B, 2), non-visual and visual, whose
          larger one follows the threshold; ``embedding`` (B, E) at unit length.

    Raises:
        UnsupportedTowerError: If the model has no text tower.
        ValueError: If a text has no words, or an option is unknown.

    References:
        TIP-CLIP, on the visualness of text.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> scorer = VisualnessScorer(clip_base("tiny"))
        >>> scores = scorer.score(["a red scarf on a chair", "nothing was decided"])
        >>> scores.shape, bool(((scores >= 0) & (scores <= 2)).all())
        (torch.Size([2]), True)
    """

    def __init__(
        self,
        base: ClipBase,
        *,
        null: Literal["noise", "black", "vector"] = "noise",
        seed: int = 0,
        threshold: float = 1.0,
        trained: Sequence[Tower] = ("text", "image", "scale"),
    ) -> None:
        super().__init__()
        towers: dict[str, Tensor | nn.Module] = {
            "text": base.require_text(),
            "image": base.image,
            "scale": base.logit_scale,
        }
        unknown = sorted(set(trained) - set(towers))
        if unknown:
            raise ValueError(f"VisualnessScorer got trained={unknown}: name any of {', '.join(towers)}.")
        self.base = base
        self.null = NullImage(base, kind=null, seed=seed)
        for name in trained:
            towers[name].requires_grad_(True)
        self.threshold: Tensor
        self.register_buffer("threshold", torch.tensor(float(threshold)))

    def set_threshold(self, value: float) -> None:
        """Take over a threshold, as :func:`threshold_search` finds it on validation scores."""
        self.threshold.fill_(value)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Tokenise; of a text that is too long for the model, as many of its first words as fit."""
        try:
            return self.base.tokenize(texts)
        except ValueError:
            return self.base.tokenize([self._shortened(text) for text in texts])

    def encode_texts(self, texts: Sequence[str]) -> Encoding:
        """Text features (B, E), not at unit length."""
        return Encoding(self.base.encode_text(self.tokens(texts)))

    def forward(self, features: Encoding) -> AffectOutput:
        """Score text features."""
        return self._output(F.normalize(features.pooled, dim=-1), self._pictures(None)[-1])

    def contrast(self, texts: Sequence[str], images: Tensor, present: Tensor) -> AffectOutput:
        """Score texts, and give the views that the contrast with their pictures compares.

        Args:
            texts: One a row.
            images: Pictures as the weights want them, (B, 3, H, W); any content where absent.
            present: Which rows have a picture, (B,).
        """
        text = F.normalize(self.encode_texts(texts).pooled, dim=-1)
        # The NULL picture rides along as the last one: one call of the tower, one state of it.
        embedded = self._pictures(images[present])
        null = embedded[-1]
        image = null.expand(len(texts), -1).index_put((present.nonzero().squeeze(1),), embedded[:-1])
        views = {"text": text, "image": image, "null": null, "scale": self.base.logit_scale.exp()}
        return self._output(text, null)._replace(views=views)

    @torch.no_grad()
    def score(self, texts: Sequence[str], *, batch_size: int = 256) -> Tensor:
        """Visualness of texts, (N,), in evaluation mode whatever mode is set.

        Args:
            texts: Any number of them.
            batch_size: Texts that are encoded at a time.
        """
        modes = {module: module.training for module in self.modules()}
        self.eval()
        null = self._pictures(None)[-1]
        parts = [torch.zeros(0)]
        for start in range(0, len(texts), batch_size):
            text = F.normalize(self.encode_texts(texts[start : start + batch_size]).pooled, dim=-1)
            parts.append((1 - text @ null).float().cpu())
        for module, training in modes.items():
            module.training = training
        return torch.cat(parts)

    def _pictures(self, images: Tensor | None) -> Tensor:
        """Unit embeddings of ``images`` and, last, of the NULL picture."""
        if self.null.vector is not None:
            vector = F.normalize(self.null.vector, dim=-1)[None]
            if images is None or not len(images):
                return vector
            return torch.cat([F.normalize(self.base.encode_image(images).pooled, dim=-1), vector])
        picture = self.null.picture(self.base)
        pictures = picture if images is None else torch.cat([images.to(picture.dtype), picture])
        return F.normalize(self.base.encode_image(pictures).pooled, dim=-1)

    def _output(self, text: Tensor, null: Tensor) -> AffectOutput:
        score = 1 - text @ null
        above = score - self.threshold
        return AffectOutput(
            logits=torch.stack([-above, above], dim=-1), dims=score.unsqueeze(-1), embedding=text
        )

    def _shortened(self, text: str) -> str:
        words = text.split()
        low, high = 1, len(words)
        while low < high:
            middle = (low + high + 1) // 2
            try:
                self.base.tokenize([" ".join(words[:middle])])
                low = middle
            except ValueError:
                high = middle - 1
        return " ".join(words[:low])
