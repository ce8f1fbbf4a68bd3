"""The text transformer of CLIP, SigLIP and CoCa."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.encoders.clip.text_tower import ClipTextTower

#: Which position is the text: its end mark, the first one, the last one, or a class token behind all of them.
TextPool = Literal["end", "first", "last", "class"]


class TransformerTextTower(ClipTextTower):
    r"""A pre-norm transformer over embeddings, :math:`\mathrm{proj}(\mathrm{norm}(h_{\mathrm{pool}}))`.

    Under a causal mask a position never sees a later one, so nothing after the end mark can reach the
    feature, and those positions are cut. A tower without the mask (SigLIP) reads its padding too and is
    never cut. CoCa's class token stands behind the text and sees what is no padding; see the note.

    Args:
        token_embedding: Look-up of token ids.
        positional_embedding: (positions, W).
        transformer: Holds the layers as ``resblocks``.
        norm: Last normalisation.
        projection: (W, E), a linear layer, or None.
        pool: Which position is the text.
        causal: Whether a position only sees those before it.
        prefix: Tokens before every text.
        class_embedding: (W,), the token behind the text; only for ``pool="class"``.

    Note:
        open_clip masks the padding of CoCa one position late: its class token sees the padding token right
        after the end mark, and itself only where the text fills every position. Released weights were trained
        so, and this tower does the same.
    """

    causal_mask: Tensor

    def __init__(
        self,
        *,
        token_embedding: nn.Embedding,
        positional_embedding: nn.Parameter,
        transformer: nn.Module,
        norm: nn.Module,
        projection: nn.Parameter | nn.Linear | None,
        pool: TextPool,
        causal: bool,
        prefix: int,
        class_embedding: nn.Parameter | None = None,
    ) -> None:
        positions, width = positional_embedding.shape
        out_dim = width
        if isinstance(projection, nn.Linear):
            out_dim = projection.out_features
        elif projection is not None:
            out_dim = projection.shape[1]
        super().__init__(
            width=width,
            context_length=positions - (class_embedding is not None),
            out_dim=out_dim,
            prefix=prefix,
            causal=causal,
            cuttable=causal and pool != "last",
        )
        self.token_embedding = token_embedding
        self.positional_embedding = positional_embedding
        self.transformer = transformer
        self.norm = norm
        self.projection = projection
        self.pool = pool
        self.class_embedding = class_embedding
        mask = torch.full((positions, positions), float("-inf")).triu(1) if causal else torch.zeros(0)
        self.register_buffer("causal_mask", mask, persistent=False)

    @property
    def num_layers(self) -> int:
        """Layers of the transformer."""
        return len(self._blocks())

    def embed(self, ids: Tensor) -> Tensor:
        """Look up token ids (N, L) to (N, L, W), without positions."""
        embeddings: Tensor = self.token_embedding(ids)
        return embeddings

    def positions_needed(self, last: int) -> int:
        """Positions that matter when no text ends after position ``last``."""
        if self.pool == "class":
            return min(last + 2, self.context_length)
        return super().positions_needed(last)

    def forward(
        self, embeddings: Tensor, end: Tensor, *, deep: Sequence[Tensor] = (), cut: bool = True
    ) -> Tensor:
        """Encode embeddings (N, L, W) whose last tokens that count stand at ``end`` (N,)."""
        x, mask = self._place(self._cut(embeddings, end, cut=cut), end)
        for layer, block in enumerate(self._blocks()):
            if 1 <= layer <= len(deep):
                prompt = deep[layer - 1].to(x.dtype)
                after = self.prefix + prompt.shape[0]
                x = torch.cat([x[:, : self.prefix], prompt.expand(x.shape[0], -1, -1), x[:, after:]], dim=1)
            x = block(x, attn_mask=mask)
        pooled = self._pool(x, end)
        normed: Tensor = self.norm(pooled)
        if self.projection is None:
            return normed
        if isinstance(self.projection, nn.Linear):
            projected: Tensor = self.projection(normed)
            return projected
        return normed @ self.projection

    def _place(self, embeddings: Tensor, end: Tensor) -> tuple[Tensor, Tensor | None]:
        """Add positions and say who sees whom."""
        length = embeddings.shape[1]
        table = self.positional_embedding
        x = embeddings.to(table.dtype)
        if self.class_embedding is None:
            mask = self.causal_mask[:length, :length].to(x.dtype) if self.causal else None
            return x + table[:length], mask
        x = torch.cat([x, self.class_embedding.expand(x.shape[0], 1, -1)], dim=1)
        place = F.pad(torch.arange(length, device=x.device), (0, 1), value=self.context_length)
        hidden = place.unsqueeze(0) > end.unsqueeze(1) + 1
        later = self.causal_mask[place][:, place].to(x.dtype)
        padded = torch.zeros_like(hidden, dtype=x.dtype).masked_fill(hidden, float("-inf"))
        mask = later + padded.unsqueeze(1)
        return x + table[place], mask.repeat_interleave(self._heads(), dim=0)

    def _blocks(self) -> nn.ModuleList:
        blocks = self.transformer.get_submodule("resblocks")
        assert isinstance(blocks, nn.ModuleList)
        return blocks

    def _heads(self) -> int:
        attention = self.transformer.get_submodule("resblocks.0.attn")
        heads = attention.num_heads
        assert isinstance(heads, int)
        return heads

    def _pool(self, x: Tensor, end: Tensor) -> Tensor:
        if self.pool == "first":
            return x[:, 0]
        if self.pool == "end":
            return x[torch.arange(x.shape[0], device=x.device), end]
        return x[:, -1]
