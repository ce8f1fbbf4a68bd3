"""Fusion in which every type of feature is a token."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.fusion.masked_attention import MaskedAttention
from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class FeatureTokenAttention(nn.Module):
    r"""Self-attention across types of features, not across time.

    Every type of feature (appearance, motion, voice, ...) of a row is projected to one width and
    is one token. Each layer is

    .. math::
        z \leftarrow z + \mathrm{MHA}(\mathrm{LN}\, z), \qquad
        z \leftarrow z + \mathrm{ReLU}(W\, \mathrm{LN}\, z + b)

    and the result is the mean of the tokens that are present. An absent one is neither asked nor
    counted; a row without any gives 0.

    Args:
        in_dims: Width of each type of feature.
        out_dim: Width that all are projected to, and of the result.
        num_heads: Heads of each attention.
        num_layers: Layers.
        dropout: Dropout on what each half of a layer adds.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width is wrong or a type of feature unknown.

    References:
        H. T. P. Thao, D. Herremans, G. Roig. Multimodal Deep Models for Predicting Affective Responses
        Evoked by Movies. ICCV 2019 workshops; official code of its follow-up AttendAffectNet.

    Deviation from the paper:
        The official layer norm divides by the unbiased deviation plus epsilon; this one is torch's.
        The rule for what is absent is an addition. The final linear layer belongs to the head.

    Examples:
        >>> fusion = FeatureTokenAttention({"motion": 6, "voice": 3}, 8, num_heads=2)
        >>> fusion({"motion": Encoding(torch.ones(2, 6))}).pooled.shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        out_dim: int,
        *,
        num_heads: int = 4,
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="FeatureTokenAttention")
        if num_layers < 1:
            raise ValueError(f"FeatureTokenAttention got num_layers={num_layers}: give at least 1.")
        self.out_dim = out_dim
        self.attentions = nn.ModuleList(
            MaskedAttention(out_dim, num_heads=num_heads, owner="FeatureTokenAttention")
            for _ in range(num_layers)
        )
        self.projections = nn.ModuleList(nn.Linear(width, out_dim) for width in self.in_dims.values())
        self.attention_norms = nn.ModuleList(nn.LayerNorm(out_dim) for _ in range(num_layers))
        self.feed_norms = nn.ModuleList(nn.LayerNorm(out_dim) for _ in range(num_layers))
        self.feeds = nn.ModuleList(nn.Linear(out_dim, out_dim) for _ in range(num_layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="FeatureTokenAttention")
        flags = aligned.present.flatten(0, -2)
        tokens = torch.stack(
            [projection(x) for projection, x in zip(self.projections, aligned.features, strict=True)], dim=-2
        ).flatten(0, -3)
        allowed = flags.unsqueeze(1).expand(-1, flags.shape[1], -1)
        for number, attention in enumerate(self.attentions):
            normed: Tensor = self.attention_norms[number](tokens)
            tokens = tokens + self.dropout(attention(normed, normed, normed, allowed))
            fed: Tensor = self.feeds[number](self.feed_norms[number](tokens))
            tokens = tokens + self.dropout(torch.relu(fed))
        there = flags.unsqueeze(-1)
        pooled = tokens.masked_fill(~there, 0.0).sum(dim=1) / there.sum(dim=1).clamp(min=1)
        return Encoding(pooled=pooled.reshape(*aligned.present.shape[:-1], self.out_dim), mask=aligned.mask)
