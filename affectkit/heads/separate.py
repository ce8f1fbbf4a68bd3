"""Categories and dimensions, each with layers of its own."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.heads.classification import ClassificationHead
from affectkit.heads.dimensional import DimensionalHead
from affectkit.types import AffectOutput, Encoding


class SeparateHeads(nn.Module):
    r"""A classifier and a regressor that share nothing but the features.

    .. math:: z = W \,\mathrm{relu}(V x + a) + b, \qquad d = W' \,\mathrm{relu}(V' x + a') + b'

    each without the ReLU layer where ``hidden_dim`` is 0.

    The peer against which a head that joins the two must show its worth.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of classes C.
        num_dims: Number of affect axes V.
        hidden_dim: Width of a hidden ReLU layer in each; 0 = none.
        dropout: Dropout before each linear layer.
        bounds: Lowest and highest value of the scale, or None for unbounded values.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., C), ``dims`` (..., V); ``embedding`` = what the classifier reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> import torch
        >>> head = SeparateHeads(16, num_classes=7, num_dims=2)
        >>> tuple(head(Encoding(torch.zeros(3, 16))).dims.shape)
        (3, 2)
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
        self.categories = ClassificationHead(in_dim, num_classes, hidden_dim=hidden_dim, dropout=dropout)
        self.dimensions = DimensionalHead(
            in_dim, num_dims, hidden_dim=hidden_dim, dropout=dropout, bounds=bounds
        )

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict with both."""
        output: AffectOutput = self.categories(features)
        values: AffectOutput = self.dimensions(features)
        dims: Tensor | None = values.dims
        return output._replace(dims=dims)
