"""Categories and dimensions from one hidden layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class MultiTaskHead(nn.Module):
    r"""One linear layer for categories and dimensions, :math:`(z, d) = W \,\mathrm{relu}(V x + a) + b`.

    What categories and dimensions have in common must be found by the layers before it: the plain
    multi-task peer of :class:`~affectkit.heads.CategoricalDimensionalGraphHead`.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of classes C.
        num_dims: Number of affect axes V.
        hidden_dim: Width of the shared hidden ReLU layer; 0 = none.
        dropout: Dropout before each linear layer.
        bounds: Lowest and highest value l and h of the scale: :math:`d` becomes
            :math:`l + (h - l) \sigma(d)`. None leaves it as it is.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., C), ``dims`` (..., V); ``embedding`` = what the last layer reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> head = MultiTaskHead(16, num_classes=7, num_dims=2, hidden_dim=8)
        >>> tuple(head(Encoding(torch.zeros(3, 16))).logits.shape)
        (3, 7)
    """

    def __init__(
        self,
        in_dim: int,
        *,
        num_classes: int,
        num_dims: int,
        hidden_dim: int = 0,
        dropout: float = 0.0,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        if num_classes < 2 or num_dims < 1:
            raise ValueError(
                f"MultiTaskHead got num_classes={num_classes} and num_dims={num_dims}: give at least 2 and 1."
            )
        if bounds is not None and not bounds[0] < bounds[1]:
            raise ValueError(f"MultiTaskHead got bounds={bounds}: give (low, high) with low < high.")
        self.num_classes = num_classes
        self.num_dims = num_dims
        self.bounds = bounds
        self.projection = HiddenProjection(in_dim, hidden_dim, dropout=dropout)
        self.output = nn.Linear(self.projection.out_dim, num_classes + num_dims)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict logits and values from ``features.pooled``."""
        embedding: Tensor = self.projection(features.pooled)
        scores: Tensor = self.output(embedding)
        dims = scores[..., self.num_classes :]
        if self.bounds is not None:
            low, high = self.bounds
            dims = low + (high - low) * torch.sigmoid(dims)
        return AffectOutput(logits=scores[..., : self.num_classes], dims=dims, embedding=embedding)
