"""A sentence encoder of transformers as the text side of a CLIP model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from affectkit.encoders.clip.text_tower import ClipTextTower
from affectkit.encoders.clip.unsupported_tower import UnsupportedTowerError


class SentenceTextTower(ClipTextTower):
    """The text encoder that open_clip builds from a model of transformers, run from embeddings.

    It looks in both directions, but never at padding, so padding is cut.

    Args:
        encoder: open_clip's module with ``transformer``, ``pooler`` and ``proj``.
        out_dim: Width E of the shared space.
        context_length: Positions that the model reads.
        prefix: Tokens before every text.
    """

    def __init__(self, encoder: nn.Module, *, out_dim: int, context_length: int, prefix: int) -> None:
        transformer: Any = encoder.transformer
        super().__init__(
            width=int(transformer.get_input_embeddings().weight.shape[1]),
            context_length=context_length,
            out_dim=out_dim,
            prefix=prefix,
            causal=False,
            cuttable=True,
        )
        self.transformer: Any = transformer
        self.pooler: Any = encoder.pooler
        self.projection: Any = encoder.proj

    @property
    def num_layers(self) -> int:
        """Layers of the transformer."""
        return int(self.transformer.config.num_hidden_layers)

    def embed(self, ids: Tensor) -> Tensor:
        """Look up token ids (N, L) to (N, L, W), without positions."""
        embeddings: Tensor = self.transformer.get_input_embeddings()(ids)
        return embeddings

    def forward(
        self, embeddings: Tensor, end: Tensor, *, deep: Sequence[Tensor] = (), cut: bool = True
    ) -> Tensor:
        """Encode embeddings (N, L, W) whose last tokens that count stand at ``end`` (N,)."""
        embeddings = self._cut(embeddings, end, cut=cut)
        place = torch.arange(embeddings.shape[1], device=embeddings.device)
        real = (place.unsqueeze(0) <= end.unsqueeze(1)).long()
        handles = [
            layer.register_forward_pre_hook(_put(prompt, self.prefix))
            for layer, prompt in zip(self._layers(len(deep)), deep)
        ]
        try:
            states: Any = self.transformer(inputs_embeds=embeddings, attention_mask=real)
        finally:
            for handle in handles:
                handle.remove()
        pooled: Tensor = self.projection(self.pooler(states, real))
        return pooled

    def _layers(self, count: int) -> list[nn.Module]:
        """The layers that take deep prompts, from the second one on."""
        if not count:
            return []
        layers = getattr(getattr(self.transformer, "encoder", None), "layer", None)
        if not isinstance(layers, nn.ModuleList):
            raise UnsupportedTowerError(
                f"a text tower of the kind {type(self.transformer).__name__} has no list of layers to put "
                "prompts into: choose a model of the BERT family or of open_clip, or prompts at depth 1."
            )
        return list(layers)[1 : count + 1]


def _put(prompt: Tensor, prefix: int) -> Any:
    """Make a hook that replaces the first inputs after the start mark."""

    def replace(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x = arguments[0]
        inserted = prompt.to(x.dtype).expand(x.shape[0], -1, -1)
        return (torch.cat([x[:, :prefix], inserted, x[:, prefix + prompt.shape[0] :]], dim=1), *arguments[1:])

    return replace
