"""Encoder of features that were extracted beforehand."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.types import Encoding


class ProjectionEncoder(nn.Module):
    """Stored features to a common width, ``dropout(gelu(layer_norm(W x + b)))``, row by row.

    Args:
        in_dim: Width of the stored features.
        out_dim: Width D of the encoding.
        dropout: Dropout on the result.

    Shape:
        - Input: (B, in_dim) or (B, U, in_dim); ``mask`` (B, U), True = real.
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim), 0 where masked; ``mask`` as given.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Example:
        >>> import torch
        >>> ProjectionEncoder(384, 64)(torch.zeros(2, 5, 384)).pooled.shape
        torch.Size([2, 5, 64])
    """

    def __init__(self, in_dim: int, out_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        if in_dim < 1 or out_dim < 1 or not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"ProjectionEncoder got in_dim={in_dim}, out_dim={out_dim}, dropout={dropout}: "
                "give widths >= 1 and a dropout in [0, 1)."
            )
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.layers = nn.Sequential(
            nn.Linear(in_dim, out_dim), nn.LayerNorm(out_dim), nn.GELU(), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Project ``x`` (..., in_dim); rows where ``mask`` is False may hold anything."""
        if x.shape[-1] != self.in_dim:
            raise ValueError(
                f"ProjectionEncoder was built with in_dim={self.in_dim} and got features of width "
                f"{x.shape[-1]}: set in_dim to the width stored in the shards' manifest."
            )
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        pooled: Tensor = self.layers(x)
        if mask is not None:
            pooled = pooled.masked_fill(~mask.unsqueeze(-1), 0.0)
        return Encoding(pooled=pooled, mask=mask)
