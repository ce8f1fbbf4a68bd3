"""Classes, and beside them features in a teacher's width."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class ProjectedHead(nn.Module):
    r"""Logits from features, and a linear image of the same features for losses that compare them.

    .. math:: z = W x + b, \qquad f = V x + a

    The student of a distillation: the classifier reads the features as they are, the losses over
    prototypes and distances read :math:`f`, which is as wide as the teacher's.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of classes C.
        embedding_dim: Width of :math:`f`; 0 leaves the projection out, and then :math:`f = x`.
        dropout: Dropout before the classifier.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., C); ``embedding`` (..., embedding_dim).

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> import torch
        >>> output = ProjectedHead(16, 8, embedding_dim=4)(Encoding(torch.zeros(2, 16)))
        >>> output.logits.shape, output.embedding.shape
        (torch.Size([2, 8]), torch.Size([2, 4]))
    """

    def __init__(
        self, in_dim: int, num_classes: int, *, embedding_dim: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if num_classes < 2 or embedding_dim < 0:
            raise ValueError(
                f"ProjectedHead got num_classes={num_classes}, embedding_dim={embedding_dim}: give at least "
                "2 classes, and a width of 0 or more."
            )
        self.dropped = HiddenProjection(in_dim, dropout=dropout)
        self.classifier = nn.Linear(in_dim, num_classes)
        self.projection = nn.Linear(in_dim, embedding_dim) if embedding_dim else nn.Identity()
        #: Width of the projection, 0 where there is none.
        self.projection_dim = embedding_dim
        self.embedding_dim = embedding_dim or in_dim

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.pooled``."""
        logits: Tensor = self.classifier(self.dropped(features.pooled))
        embedding: Tensor = self.projection(features.pooled)
        return AffectOutput(logits=logits, embedding=embedding)
