"""Fusion by attention over the features of all modalities side by side."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.functional import masked_softmax
from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class ConcatAttentionFusion(nn.Module):
    r"""Modalities side by side, every single feature under a weight; the weights sum to 1.

    .. math::
        c = [W_1 x_1 + b_1; \dots; W_M x_M + b_M], \qquad h = \mathrm{softmax}(V c + v) \odot c

    The features of an absent modality are 0 and take no part in the softmax, so the weights of a
    row sum to 1 over what it has. A row without any modality gives 0.

    Args:
        in_dims: Width of each modality.
        dim: Width d that each is projected to.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, M d) or (B, U, M d); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width is wrong or a modality unknown.

    References:
        Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the Wild,
        official code (CAN). ECCV 2024 workshops. arXiv:2407.12927.

    Deviation from the paper:
        The published model reads the outputs of a temporal convolution; the rule for what is absent
        is an addition.

    Examples:
        >>> fusion = ConcatAttentionFusion({"visual": 6, "audio": 3}, 4)
        >>> fusion({"visual": Encoding(torch.ones(2, 6))}).pooled[0, :4].tolist()
        [0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, in_dims: Mapping[str, int], dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="ConcatAttentionFusion")
        if dim < 1:
            raise ValueError(f"ConcatAttentionFusion got dim={dim}: give a width >= 1.")
        self.dim = dim
        self.out_dim = len(self.in_dims) * dim
        self.projections = nn.ModuleList(nn.Linear(width, dim) for width in self.in_dims.values())
        self.scores = nn.Linear(self.out_dim, self.out_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="ConcatAttentionFusion")
        there = aligned.present.repeat_interleave(self.dim, dim=-1)
        columns = [
            projection(feature)
            for projection, feature in zip(self.projections, aligned.features, strict=True)
        ]
        joined = torch.cat(columns, dim=-1).masked_fill(~there, 0.0)
        scores: Tensor = self.scores(joined)
        pooled: Tensor = self.dropout(masked_softmax(scores, there) * joined)
        return Encoding(pooled=pooled, mask=aligned.mask)
