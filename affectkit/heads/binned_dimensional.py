"""Continuous affect as classes: every axis in bins."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.functional import bin_centres
from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class BinnedDimensionalHead(nn.Module):
    r"""One classifier over K equal bins for each affect axis; the value is the mean of the bins' centres.

    .. math:: p_v = \mathrm{softmax}(W_v x + b_v), \qquad d_v = \sum_k p_{v,k} c_k

    Train it with :class:`~affectkit.losses.BinnedDimensionLoss`.

    Args:
        in_dim: Width D of the features.
        num_dims: Number of affect axes V, in the order of the affect scale.
        num_bins: Number of bins K of each.
        bounds: Lowest and highest value of the scale.
        hidden_dim: Width of a hidden ReLU layer; 0 = none.
        dropout: Dropout before each linear layer.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``dims`` (..., V) within the scale; ``extra["bins"]`` (..., V, K), logits;
          ``embedding`` = what the last layer reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> head = BinnedDimensionalHead(16, 2, num_bins=7, bounds=(-1.0, 1.0))
        >>> output = head(Encoding(torch.zeros(3, 16)))
        >>> tuple(output.dims.shape), tuple(output.extra["bins"].shape)
        ((3, 2), (3, 2, 7))
    """

    centres: Tensor

    def __init__(
        self,
        in_dim: int,
        num_dims: int,
        *,
        num_bins: int,
        bounds: tuple[float, float],
        hidden_dim: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if num_dims < 1:
            raise ValueError(f"BinnedDimensionalHead got num_dims={num_dims}: give at least 1.")
        self.num_dims = num_dims
        self.num_bins = num_bins
        self.bounds = bounds
        centres = bin_centres(num_bins, low=bounds[0], high=bounds[1])
        self.register_buffer("centres", centres, persistent=False)
        self.projection = HiddenProjection(in_dim, hidden_dim, dropout=dropout)
        self.classifier = nn.Linear(self.projection.out_dim, num_dims * num_bins)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict bins and values from ``features.pooled``."""
        embedding: Tensor = self.projection(features.pooled)
        flat: Tensor = self.classifier(embedding)
        logits = flat.reshape(*flat.shape[:-1], self.num_dims, self.num_bins)
        chances = torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)
        return AffectOutput(
            dims=chances @ self.centres.to(chances.dtype), embedding=embedding, extra={"bins": logits}
        )
