"""Zero-shot CLIP that also looks into a few labelled pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.adapters.class_text import ClassText
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.labelled_features import LabelledRows, collect_labelled, mean_over_passes
from affectkit.adapters.tip_cache import TipCache, build_tip_cache, load_tip_cache, save_tip_cache
from affectkit.adapters.tip_search import TipScore, TipSearch, search_alpha_beta
from affectkit.adapters.zero_shot import template_sentences
from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class TipAdapter(nn.Module):
    r"""Tip-Adapter(-F), :math:`e^{s} q W + \alpha\, e^{-\beta (1 - q K^\top)} V`.

    :math:`q` are unit features, :math:`W` the class sentences, :math:`K` the unit features of a few labelled
    pictures and :math:`V` their one-hot labels. :meth:`build_cache` has to fill :math:`K` and :math:`V`
    before anything else; with ``trainable``, :math:`K` then learns, and is no longer held at unit length.
    :meth:`search` chooses :math:`\alpha` and :math:`\beta` on validation rows.

    Args:
        base: The CLIP model; it stays frozen.
        class_names: Names of the classes in the order of the labels.
        templates: ``"seen"``, ``"felt"``, ``"evoked"``, ``"plain"``, or sentences with ``{}`` for the name.
        trainable: Whether the keys learn (Tip-Adapter-F).
        alpha: Weight of the cache.
        beta: Sharpness of the look-up.

    Shape:
        - Input: ``features.pooled`` (B, E), of any length.
        - Output: ``logits`` (B, C); ``embedding`` (B, E) = the unit features.

    Raises:
        RuntimeError: If it is asked before it has a cache.
        ValueError: If a number is negative.

    References:
        Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification",
        ECCV 2022, arXiv:2207.09519.

    Deviation from the paper:
        The official code chooses the epoch of Tip-Adapter-F, and whether to keep the searched numbers, on
        the test split; here nothing but validation rows can be handed to :meth:`search`. The factor of the
        text part is that of the weights, not always 100.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> adapter = TipAdapter(clip_base("tiny"), ["joy", "anger"])
        >>> adapter.build_cache([(torch.eye(32)[:4], torch.tensor([0, 0, 1, 1]))])
        4
        >>> adapter(Encoding(torch.eye(32)[:3])).logits.shape
        torch.Size([3, 2])
    """

    keys: Tensor
    values: Tensor
    alpha_beta: Tensor

    def __init__(
        self,
        base: ClipBase,
        class_names: Sequence[str],
        *,
        templates: str | tuple[str, ...] = "plain",
        trainable: bool = False,
        alpha: float = 1.17,
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        if alpha < 0 or beta < 0:
            raise ValueError(f"TipAdapter got alpha={alpha} and beta={beta}: give numbers of at least 0.")
        self.base = base
        self.text = ClassText(base, class_names, template_sentences(templates))
        self.templates = templates
        self.trainable = trainable
        empty = torch.zeros(0, base.embed_dim, device=base.logit_scale.device)
        if trainable:
            self.keys = nn.Parameter(empty)
        else:
            self.register_buffer("keys", empty)
        self.register_buffer("values", empty.new_zeros(0, len(self.class_names)))
        self.register_buffer("alpha_beta", torch.tensor([alpha, beta], device=empty.device))

    @property
    def alpha(self) -> float:
        """Weight of the cache."""
        return float(self.alpha_beta[0])

    @property
    def beta(self) -> float:
        """Sharpness of the look-up."""
        return float(self.alpha_beta[1])

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.text.class_names

    @property
    def adapts_images(self) -> bool:
        """Whether features of pictures change in training."""
        return self.base.trains_images

    @property
    def cache_size(self) -> int:
        """Number of keys; 0 before :meth:`build_cache`."""
        return self.values.shape[0]

    def build_cache(self, batches: LabelledRows, *, passes: int = 1, modality: str = "visual") -> int:
        """Fill the cache from labelled pictures; see :func:`~affectkit.adapters.tip_cache.build_tip_cache`.

        The keys stay the same parameter, so an optimizer that knows it goes on with the new ones.

        Args:
            batches: A loader of ``AffectBatch``, or pairs of normalised pictures or features and labels.
            passes: Number of times to go over it; more than one only for an augmenting loader.
            modality: Name of the input of an ``AffectBatch``.

        Returns:
            Number of keys.
        """
        was_training = self.base.training
        self.base.eval()
        try:
            cache = build_tip_cache(
                batches,
                self.encode,
                num_classes=len(self.class_names),
                passes=passes,
                device=self.base.logit_scale.device,
                modality=modality,
            )
        finally:
            self.base.train(was_training)
        self._put(cache)
        return self.cache_size

    def save_cache(self, path: Path | str) -> int:
        """Write the cache as safetensors; returns its size in bytes."""
        self._require_cache()
        cache = TipCache(self.keys.detach(), self.values)
        return save_tip_cache(path, cache, class_names=self.class_names, digest=self.base.identity.digest)

    def load_cache(self, path: Path | str) -> int:
        """Read a cache that was built for these classes with this base; returns the number of keys."""
        self._put(load_tip_cache(path, class_names=self.class_names, digest=self.base.identity.digest))
        return self.cache_size

    def _put(self, cache: TipCache) -> None:
        # Through `data`: an optimizer and a wrapper hold the parameter, not its numbers.
        self.keys.data = cache.keys.to(self.keys)
        self.values = cache.values.to(self.values)

    @torch.no_grad()
    def search(
        self, *, validation: LabelledRows, score: TipScore = "accuracy", modality: str = "visual"
    ) -> TipSearch:
        """Choose alpha and beta on validation rows and keep them.

        Args:
            validation: Rows that were neither in the cache nor will be reported on, as for
                :meth:`build_cache`.
            score: ``"accuracy"`` as published, or ``"uar"`` for classes of unequal size.
            modality: Name of the input of an ``AffectBatch``.

        Returns:
            What was chosen, with its score.
        """
        self._require_cache()
        rows = mean_over_passes(
            [collect_labelled(validation, self.encode, device=self.keys.device, modality=modality)]
        )
        unit = F.normalize(rows.features, dim=-1)
        text: Tensor = self.text(self.base)
        found = search_alpha_beta(
            cosine_logits(unit, text, self.base), unit @ self.keys.T, self.values, rows.labels, score=score
        )
        self.alpha_beta.copy_(torch.tensor([found.alpha, found.beta]))
        return found

    def _require_cache(self) -> None:
        if self.cache_size == 0:
            raise RuntimeError(
                "TipAdapter has no cache yet: call build_cache with the labelled pictures first."
            )

    def encode(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures."""
        return self.base.encode_image(images)

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled`` (B, E)."""
        self._require_cache()
        unit = F.normalize(features.pooled.float(), dim=-1)
        text: Tensor = self.text(self.base)
        alpha, beta = self.alpha_beta.unbind()
        # In float32 also under autocast: the exponential makes a small error of a cosine a large one.
        with torch.autocast(unit.device.type, enabled=False):
            found = torch.exp(beta * (F.linear(unit, self.keys) - 1)) @ self.values
        return AffectOutput(logits=cosine_logits(unit, text, self.base) + alpha * found, embedding=unit)

    def rename(self, class_names: Sequence[str]) -> None:
        """Go on with other class names, while there is no cache: its labels are those of the old ones.

        Raises:
            ValueError: If there is a cache of other classes.
        """
        names = tuple(class_names)
        if self.cache_size and names != self.class_names:
            raise ValueError(
                f"the cache of this TipAdapter holds pictures of {list(self.class_names)}: "
                "build a new adapter and cache for other classes."
            )
        self.text.rename(self.base, names)
        if not self.cache_size:
            self.values = self.values.new_zeros(0, len(names))

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Tensor], prefix: str, *arguments: Any, **options: Any
    ) -> None:
        # The number of keys is part of the state, not of the options.
        keys, values = state_dict.get(f"{prefix}keys"), state_dict.get(f"{prefix}values")
        if keys is not None and values is not None and keys.shape[1:] == self.keys.shape[1:]:
            self._put(TipCache(torch.empty_like(keys), torch.empty_like(values[:, : len(self.class_names)])))
        super()._load_from_state_dict(cast(dict[str, Any], state_dict), prefix, *arguments, **options)
