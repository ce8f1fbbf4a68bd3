"""Fusion by the mean of what is there."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class MeanFusion(nn.Module):
    r"""Mean over the modalities that a row has; without ``out_dim`` nothing is trained.

    .. math:: h = \frac{1}{|P|} \sum_{m \in P} \tilde x_m, \qquad \tilde x_m = W_m x_m + b_m

    with :math:`P` the present modalities, and :math:`\tilde x_m = x_m` without ``out_dim``. A row
    without any modality gives 0. For one modality it is that modality.

    Args:
        in_dims: Width of each modality.
        out_dim: Width after a linear layer for each modality; None = no layers, then all widths must
            be equal.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width is wrong or a modality unknown.

    Examples:
        >>> fusion = MeanFusion({"face": 2, "context": 2})
        >>> parts = {"face": Encoding(torch.ones(2, 2)), "context": Encoding(torch.full((2, 2), 3.0))}
        >>> fusion(parts, {"context": torch.tensor([True, False])}).pooled.tolist()
        [[2.0, 2.0], [1.0, 1.0]]
    """

    def __init__(self, in_dims: Mapping[str, int], *, out_dim: int | None = None) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="MeanFusion")
        widths = set(self.in_dims.values())
        if out_dim is None and len(widths) > 1:
            raise ValueError(
                f"MeanFusion got in_dims={self.in_dims}, which differ: give out_dim, the common width that "
                "each is projected to."
            )
        self.out_dim = max(widths) if out_dim is None else out_dim
        self.projections = nn.ModuleList(
            nn.Identity() if out_dim is None else nn.Linear(width, out_dim) for width in self.in_dims.values()
        )

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="MeanFusion")
        projected = torch.stack(
            [projection(feature) for projection, feature in zip(self.projections, aligned.features)], dim=-2
        )
        flags = aligned.present.unsqueeze(-1)
        total = projected.masked_fill(~flags, 0.0).sum(dim=-2)
        return Encoding(pooled=total / flags.sum(dim=-2).clamp(min=1), mask=aligned.mask)
