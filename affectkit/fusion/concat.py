"""Fusion by concatenation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class ConcatFusion(nn.Module):
    r"""Modalities side by side, an absent one replaced by a learned vector.

    :math:`h = [\tilde x_1; \dots; \tilde x_M]` with :math:`\tilde x_m = x_m` where modality m is
    present and the learned :math:`e_m` (zero at the start) where it is not; with ``out_dim``, then
    a linear layer and dropout. Modalities are ordered by name, never by the mapping given.

    Args:
        in_dims: Width of each modality.
        out_dim: Width after a linear layer; None = no layer, the sum of the widths.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width is wrong or a modality unknown.

    Examples:
        >>> fusion = ConcatFusion({"text": 4, "audio": 3})
        >>> fusion({"text": Encoding(torch.ones(2, 4))}).pooled[0].tolist()
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self, in_dims: Mapping[str, int], *, out_dim: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="ConcatFusion")
        total = sum(self.in_dims.values())
        self.out_dim = total if out_dim is None else out_dim
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(width)) for width in self.in_dims.values())
        self.projection = nn.Identity() if out_dim is None else nn.Linear(total, out_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="ConcatFusion")
        columns = [
            torch.where(aligned.present[..., index : index + 1], feature, absent.to(feature.dtype))
            for index, (feature, absent) in enumerate(zip(aligned.features, self.absent))
        ]
        pooled: Tensor = self.dropout(self.projection(torch.cat(columns, dim=-1)))
        return Encoding(pooled=pooled, mask=aligned.mask)
