"""The distribution of annotators' votes, and what it says about affect dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class LabelDistributionHead(nn.Module):
    r"""A distribution over categories, and dimensions as the mean of the categories' anchors under it.

    .. math:: p = \mathrm{softmax}(z), \qquad d = \sum_c p_c a_c

    Trained on votes by :class:`~affectkit.losses.VoteDistributionLoss`, on dimensions through the anchors,
    or on both: where only categories are annotated, dimensions come for free.
    :class:`~affectkit.tasks.CategoricalDimensionalTask` learns the votes of data that have some; other tasks
    refuse such data until they are told which loss to take.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of classes C.
        anchors: Affect values of each class, C rows of V, e.g. ``ValenceArousalWheel().anchors(space)``;
            None = no dimensions.
        learnable_anchors: Whether the anchors are learnt, from the values given.
        hidden_dim: Width of a hidden ReLU layer; 0 = none.
        dropout: Dropout before each linear layer.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., C); ``dims`` (..., V), within the hull of the anchors; ``embedding`` =
          what the last layer reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> head = LabelDistributionHead(8, 2, anchors=[(1.0, 0.0), (-1.0, 0.5)])
        >>> bool(head(Encoding(torch.randn(3, 8))).dims.abs().max() <= 1)
        True
    """

    #: Read by tasks: the logits are to be compared with votes where there are some.
    predicts_distribution: ClassVar[bool] = True

    anchors: Tensor | None

    def __init__(
        self,
        in_dim: int,
        num_classes: int,
        *,
        anchors: Sequence[Sequence[float]] | None = None,
        learnable_anchors: bool = False,
        hidden_dim: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"LabelDistributionHead got num_classes={num_classes}: give at least 2.")
        if anchors is None and learnable_anchors:
            raise ValueError("LabelDistributionHead got learnable_anchors without anchors: give both.")
        self.projection = HiddenProjection(in_dim, hidden_dim, dropout=dropout)
        self.classifier = nn.Linear(self.projection.out_dim, num_classes)
        points = None
        if anchors is not None:
            if len(anchors) != num_classes or len({len(row) for row in anchors}) != 1:
                raise ValueError(
                    f"LabelDistributionHead got {len(anchors)} anchors for {num_classes} classes: give one a "
                    "class, all of the same length."
                )
            points = torch.tensor([[float(value) for value in row] for row in anchors])
        if learnable_anchors and points is not None:
            self.anchors = nn.Parameter(points)
        else:
            self.register_buffer("anchors", points)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.pooled``."""
        embedding: Tensor = self.projection(features.pooled)
        logits: Tensor = self.classifier(embedding)
        dims = None if self.anchors is None else logits.softmax(-1) @ self.anchors.to(logits.dtype)
        return AffectOutput(logits=logits, dims=dims, embedding=embedding)
