"""Fusion by addition."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class SumFusion(nn.Module):
    r"""Modalities added up, an absent one replaced by a learned vector.

    :math:`h = \sum_m \tilde x_m` with :math:`\tilde x_m = W_m x_m + b_m` (:math:`x_m` itself without
    ``out_dim``) where modality m is present and the learned :math:`e_m` (zero at the start) where it
    is not.

    Args:
        in_dims: Width of each modality.
        out_dim: Width after a linear layer for each modality; None = no layers, then all widths must
            be equal.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width is wrong or a modality unknown.

    Examples:
        >>> fusion = SumFusion({"face": 2, "context": 2})
        >>> parts = {"face": Encoding(torch.ones(1, 2)), "context": Encoding(torch.full((1, 2), 3.0))}
        >>> fusion(parts).pooled.tolist()
        [[4.0, 4.0]]
    """

    def __init__(
        self, in_dims: Mapping[str, int], *, out_dim: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="SumFusion")
        widths = set(self.in_dims.values())
        if out_dim is None and len(widths) > 1:
            raise ValueError(
                f"SumFusion got in_dims={self.in_dims}, which differ: give out_dim, the common width that "
                "each is projected to."
            )
        self.out_dim = max(widths) if out_dim is None else out_dim
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(self.out_dim)) for _ in self.in_dims)
        self.projections = nn.ModuleList(
            nn.Identity() if out_dim is None else nn.Linear(width, out_dim) for width in self.in_dims.values()
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="SumFusion")
        terms: list[Tensor] = []
        for index, (feature, projection) in enumerate(zip(aligned.features, self.projections, strict=True)):
            value: Tensor = projection(feature)
            absent = self.absent[index].to(value.dtype)
            terms.append(torch.where(aligned.present[..., index : index + 1], value, absent))
        pooled: Tensor = self.dropout(torch.stack(terms).sum(0))
        return Encoding(pooled=pooled, mask=aligned.mask)
