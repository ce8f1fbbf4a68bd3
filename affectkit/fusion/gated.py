"""Fusion by gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectkit.functional import masked_softmax
from affectkit.fusion.presence import AlignedParts, align_parts, check_in_dims
from affectkit.types import Encoding


class _Gated(NamedTuple):
    pooled: Tensor  # (..., out_dim)
    gates: Tensor  # (..., M, out_dim)


class GatedFusion(nn.Module):
    r"""Gated multimodal unit: each feature is a convex mixture over the modalities present.

    :math:`h_m = \tanh(W_m x_m + b_m)`, :math:`z = \mathrm{softmax}_m(V [x_1; \dots; x_M; p] + c)`
    over the present modalities only, :math:`h = \sum_m z_m \odot h_m`; p are the presence flags.
    A row without any modality gives 0.

    Args:
        in_dims: Width of each modality.
        out_dim: Width of the result.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width is wrong or a modality unknown.

    References:
        J. Arevalo, T. Solorio, M. Montes-y-Gomez, F. A. Gonzalez. Gated Multimodal Units for
        Information Fusion. ICLR 2017 workshop. arXiv:1702.01992.

    Deviation from the paper:
        The paper ties the two gates of its bimodal unit as z and 1 - z and gives each modality a
        free sigmoid when there are more. Here the gates are a softmax for any number, which
        equals the paper's bimodal unit and keeps the result's scale when a modality is absent.

    Examples:
        >>> fusion = GatedFusion({"text": 4, "audio": 3}, 8)
        >>> fusion({"text": Encoding(torch.ones(2, 4))}).pooled.shape
        torch.Size([2, 8])
    """

    def __init__(self, in_dims: Mapping[str, int], out_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="GatedFusion")
        if out_dim < 1:
            raise ValueError(f"GatedFusion got out_dim={out_dim}: give a width >= 1.")
        self.out_dim = out_dim
        self.values = nn.ModuleList(nn.Linear(width, out_dim) for width in self.in_dims.values())
        count = len(self.in_dims)
        self.gate = nn.Linear(sum(self.in_dims.values()) + count, count * out_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="GatedFusion")
        pooled: Tensor = self.dropout(self._mix(aligned).pooled)
        return Encoding(pooled=pooled, mask=aligned.mask)

    def gates(
        self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Mean gate of each modality, (B,) or (B, U): its share in the result, 0 where absent."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="GatedFusion")
        shares = self._mix(aligned).gates.mean(dim=-1)
        return {name: shares[..., index] for index, name in enumerate(self.in_dims)}

    def _mix(self, aligned: AlignedParts) -> _Gated:
        flags = aligned.present
        hidden = torch.stack(
            [torch.tanh(value(feature)) for value, feature in zip(self.values, aligned.features)], dim=-2
        )
        scores: Tensor = self.gate(
            torch.cat([*aligned.features, flags.to(aligned.features[0].dtype)], dim=-1)
        )
        scores = scores.reshape(*flags.shape, self.out_dim)
        gates = masked_softmax(scores, flags.unsqueeze(-1), dim=-2)
        return _Gated((gates * hidden).sum(dim=-2), gates)
