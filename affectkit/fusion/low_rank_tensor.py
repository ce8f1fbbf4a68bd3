"""Fusion by a tensor of low rank."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class LowRankTensorFusion(nn.Module):
    r"""Products over all modalities, by factors of low rank instead of the full tensor.

    .. math::
        h = \sum_{r=1}^R w_r \prod_m F_m^{(r)} [\tilde x_m; 1] + b

    equals a linear layer on the outer product of all :math:`[\tilde x_m; 1]`, whose weight has rank
    R at most; it is never formed. :math:`\tilde x_m` is :math:`x_m`, or a learned vector (zero at the
    start) where modality m is absent.

    Args:
        in_dims: Width of each modality.
        out_dim: Width of the result.
        rank: Rank R.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width or the rank is wrong or a modality unknown.

    References:
        Z. Liu et al. Efficient Low-rank Multimodal Fusion with Modality-Specific Factors. ACL 2018.
        arXiv:1806.00064.

    Deviation from the paper:
        The rule for what is absent is an addition.

    Examples:
        >>> fusion = LowRankTensorFusion({"text": 4, "audio": 3}, 8, rank=2)
        >>> fusion({"text": Encoding(torch.ones(2, 4))}).pooled.shape
        torch.Size([2, 8])
    """

    def __init__(
        self, in_dims: Mapping[str, int], out_dim: int, *, rank: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="LowRankTensorFusion")
        if out_dim < 1 or rank < 1:
            raise ValueError(f"LowRankTensorFusion got out_dim={out_dim} and rank={rank}: give numbers >= 1.")
        self.out_dim = out_dim
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(width)) for width in self.in_dims.values())
        self.factors = nn.ParameterList(
            # Glorot's deviation for each of the R matrices.
            nn.Parameter(torch.randn(rank, width + 1, out_dim) * (2 / (width + 1 + out_dim)) ** 0.5)
            for width in self.in_dims.values()
        )
        self.rank_weight = nn.Parameter(torch.randn(rank) * (2 / (1 + rank)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(out_dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="LowRankTensorFusion")
        product: Tensor | None = None
        for index, (feature, absent) in enumerate(zip(aligned.features, self.absent, strict=True)):
            given = torch.where(aligned.present[..., index : index + 1], feature, absent.to(feature.dtype))
            factor = self.factors[index]
            # [x; 1] F, with the constant's row added instead of a column appended.
            term = torch.einsum("...d,rdo->...ro", given, factor[:, :-1]) + factor[:, -1]
            product = term if product is None else product * term
        assert product is not None, "check_in_dims() wants a modality"
        pooled: Tensor = self.dropout(torch.einsum("...ro,r->...o", product, self.rank_weight) + self.bias)
        return Encoding(pooled=pooled, mask=aligned.mask)
