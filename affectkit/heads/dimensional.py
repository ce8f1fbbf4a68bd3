"""Continuous affect: one value per axis, such as valence and arousal."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class DimensionalHead(nn.Module):
    r"""Values on affect axes, which may be bounded.

    .. math:: d = W x + b \qquad \text{or} \qquad d = l + (h - l)\, \sigma(W x + b)

    with ``bounds=(l, h)``; x comes from a ReLU layer where ``hidden_dim`` is given.

    Args:
        in_dim: Width D of the features.
        num_dims: Number of affect axes V, in the order of the affect scale.
        hidden_dim: Width of a hidden ReLU layer; 0 = none.
        dropout: Dropout before each linear layer.
        bounds: Lowest and highest value of the scale, or None for unbounded values.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``dims`` (B, V) or (B, U, V); ``embedding`` = what the last layer reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> import torch
        >>> head = DimensionalHead(16, 2, bounds=(-1.0, 1.0))
        >>> bool(head(Encoding(100 * torch.ones(3, 16))).dims.abs().max() <= 1)
        True
    """

    def __init__(
        self,
        in_dim: int,
        num_dims: int,
        *,
        hidden_dim: int = 0,
        dropout: float = 0.0,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        if num_dims < 1:
            raise ValueError(f"DimensionalHead got num_dims={num_dims}: give at least 1.")
        if bounds is not None and not bounds[0] < bounds[1]:
            raise ValueError(f"DimensionalHead got bounds={bounds}: give (low, high) with low < high.")
        self.num_dims = num_dims
        self.bounds = bounds
        self.projection = HiddenProjection(in_dim, hidden_dim, dropout=dropout)
        self.regressor = nn.Linear(self.projection.out_dim, num_dims)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict values from ``features.pooled``."""
        embedding: Tensor = self.projection(features.pooled)
        values: Tensor = self.regressor(embedding)
        if self.bounds is not None:
            low, high = self.bounds
            values = low + (high - low) * torch.sigmoid(values)
        return AffectOutput(dims=values, embedding=embedding)
