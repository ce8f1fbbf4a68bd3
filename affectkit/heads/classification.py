"""Categorical emotions: one logit per class."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class ClassificationHead(nn.Module):
    r"""Logits of categorical emotions.

    .. math:: z = W \,\mathrm{relu}(V x + a) + b

    or :math:`z = W x + b` without a hidden layer.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of classes C, in the order of the label space.
        hidden_dim: Width of a hidden ReLU layer; 0 = none.
        dropout: Dropout before each linear layer.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (B, C) or (B, U, C); ``embedding`` = what the last layer reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> import torch
        >>> head = ClassificationHead(16, 7)
        >>> head(Encoding(torch.zeros(2, 5, 16))).logits.shape
        torch.Size([2, 5, 7])
    """

    def __init__(self, in_dim: int, num_classes: int, *, hidden_dim: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"ClassificationHead got num_classes={num_classes}: give at least 2.")
        self.num_classes = num_classes
        self.projection = HiddenProjection(in_dim, hidden_dim, dropout=dropout)
        self.classifier = nn.Linear(self.projection.out_dim, num_classes)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict logits from ``features.pooled``."""
        embedding: Tensor = self.projection(features.pooled)
        logits: Tensor = self.classifier(embedding)
        return AffectOutput(logits=logits, embedding=embedding)
