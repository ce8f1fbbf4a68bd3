"""Fusion by one weight for each modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from affectkit.functional import masked_softmax
from affectkit.fusion.presence import AlignedParts, align_parts, check_in_dims
from affectkit.types import Encoding


class _Weighted(NamedTuple):
    pooled: Tensor  # (..., out_dim)
    weights: Tensor  # (..., M)


class AttentionWeightFusion(nn.Module):
    r"""Sum of modalities, each under one weight that is read from all of them.

    .. math::
        h_m = \mathrm{MLP}_m(x_m), \qquad w = W\,\mathrm{MLP}([h_1; \dots; h_M]) + b, \qquad
        h = \sum_m \tilde w_m h_m

    with :math:`h_m = 0` where modality m is absent, and :math:`\tilde w` either w as it is or its
    softmax, over the present modalities in both cases. Each perceptron has ``num_layers`` linear
    layers, all with ReLU, behind one dropout. A row without any modality gives 0.

    Args:
        in_dims: Width of each modality.
        out_dim: Width of the result.
        normalize: ``"softmax"``: weights are positive and sum to 1. ``"none"``: as published.
        num_layers: Linear layers of each perceptron.
        dropout: Dropout on what each perceptron reads.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width or a name is wrong or a modality unknown.

    References:
        EmotionTalk, official code (toolkit/models/attention.py, the same as in MERBench).

    Deviation from the paper:
        The official weights are not normalised and may be negative; ``normalize="none"`` gives the
        official numbers (golden ``emotiontalk_merbench_attention``). With the softmax the scale of
        the result does not change when a modality is absent, which the official code cannot be.

    Examples:
        >>> fusion = AttentionWeightFusion({"text": 4, "audio": 3}, 8)
        >>> parts = {"text": Encoding(torch.ones(2, 4))}
        >>> fusion(parts).pooled.shape, fusion.weights(parts)["text"].tolist()
        (torch.Size([2, 8]), [1.0, 1.0])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        out_dim: int,
        *,
        normalize: Literal["softmax", "none"] = "softmax",
        num_layers: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="AttentionWeightFusion")
        if normalize not in ("softmax", "none"):
            raise ValueError(f"AttentionWeightFusion got normalize={normalize!r}: give 'softmax' or 'none'.")
        if out_dim < 1 or num_layers < 1:
            raise ValueError(
                f"AttentionWeightFusion got out_dim={out_dim} and num_layers={num_layers}: give numbers >= 1."
            )
        self.out_dim = out_dim
        self.normalize = normalize
        self.encoders = nn.ModuleList(
            _perceptron(width, out_dim, num_layers=num_layers, dropout=dropout)
            for width in self.in_dims.values()
        )
        count = len(self.in_dims)
        self.attention = _perceptron(count * out_dim, out_dim, num_layers=num_layers, dropout=dropout)
        self.scores = nn.Linear(out_dim, count)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="AttentionWeightFusion")
        return Encoding(pooled=self._mix(aligned).pooled, mask=aligned.mask)

    def weights(
        self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Weight of each modality, (B,) or (B, U), 0 where absent."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="AttentionWeightFusion")
        weights = self._mix(aligned).weights
        return {name: weights[..., index] for index, name in enumerate(self.in_dims)}

    def _mix(self, aligned: AlignedParts) -> _Weighted:
        flags = aligned.present
        hidden = torch.stack(
            [encoder(feature) for encoder, feature in zip(self.encoders, aligned.features, strict=True)],
            dim=-2,
        ).masked_fill(~flags.unsqueeze(-1), 0.0)
        scores: Tensor = self.scores(self.attention(hidden.flatten(-2)))
        if self.normalize == "softmax":
            weights = masked_softmax(scores, flags)
        else:
            weights = scores.masked_fill(~flags, 0.0)
        return _Weighted((weights.unsqueeze(-1) * hidden).sum(dim=-2), weights)


def _perceptron(in_dim: int, out_dim: int, *, num_layers: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Dropout(dropout)]
    for number in range(num_layers):
        layers += [nn.Linear(out_dim if number else in_dim, out_dim), nn.ReLU()]
    return nn.Sequential(*layers)
