"""The perceptual head: three layers on what a picture looks like to CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from affectkit.types import AffectOutput, Encoding


class PerceptualHead(nn.Module):
    r"""Linear layers with ReLU and dropout between them; what it predicts is the loss's choice.

    .. math:: h_{l+1} = \mathrm{dropout}(\mathrm{relu}(W_l h_l + b_l)), \qquad z = W_L h_L + b_L

    Logits serve classes and distributions of votes, ``dims`` values on axes or one score such as
    memorability or quality. It reads the projected embedding as it is, not at unit length.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of logits C; 0 = none.
        num_dims: Number of values V; 0 = none.
        hidden_dims: Widths of the hidden layers.
        dropout: Dropout after each hidden layer.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (B, C) or (B, U, C), ``dims`` (B, V) or (B, U, V), each None where not
          asked for; ``embedding`` = what the last layer reads.

    Raises:
        ValueError: If nothing is to be predicted, a number is out of range, or the features have
            another width.

    References:
        The head of PerceptCLIP ("Don't Judge Before You CLIP"), as published with its weights.

    Examples:
        >>> import torch
        >>> head = PerceptualHead(768, num_classes=8)
        >>> head(Encoding(torch.zeros(2, 768))).logits.shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        in_dim: int = 768,
        *,
        num_classes: int = 0,
        num_dims: int = 0,
        hidden_dims: Sequence[int] = (512, 256),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if min(num_classes, num_dims) < 0 or num_classes + num_dims < 1 or num_classes == 1:
            raise ValueError(
                f"PerceptualHead got num_classes={num_classes}, num_dims={num_dims}: give at least 2 "
                "classes, or at least 1 value, or both."
            )
        widths = [in_dim, *hidden_dims]
        if min(widths) < 1 or not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"PerceptualHead got in_dim={in_dim}, hidden_dims={list(hidden_dims)}, dropout={dropout}: "
                "give widths >= 1 and a dropout in [0, 1)."
            )
        self.in_dim = in_dim
        self.num_classes = num_classes
        self.num_dims = num_dims
        self.layers = nn.Sequential(
            *(
                part
                for width, hidden in pairwise(widths)
                for part in (nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout))
            )
        )
        self.last = nn.Linear(widths[-1], num_classes + num_dims)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.pooled``."""
        if features.pooled.shape[-1] != self.in_dim:
            raise ValueError(
                f"PerceptualHead built with in_dim={self.in_dim} got features of width "
                f"{features.pooled.shape[-1]}: build it with the out_dim of the part before it."
            )
        embedding: Tensor = self.layers(features.pooled)
        values: Tensor = self.last(embedding)
        return AffectOutput(
            logits=values[..., : self.num_classes] if self.num_classes else None,
            dims=values[..., self.num_classes :] if self.num_dims else None,
            embedding=embedding,
        )
