"""Classification by the angle to a vector for each class."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.functional import cosine_logits
from affectkit.types import AffectOutput, Encoding


class CosineHead(nn.Module):
    r"""Cosine to a vector of each class, over a temperature.

    .. math:: z_c = \frac{1}{\tau} \frac{v^\top t_c}{\lVert v \rVert\, \lVert t_c \rVert}

    Args:
        in_dim: Width D of the features.
        num_classes: Number of classes C, in the order of the label space.
        temperature: :math:`\tau`, or its value at the start.
        learn_temperature: Whether :math:`-\log \tau` is trained.
        anchors: Class vectors (C, D) that stay as they are, e.g. text features of the class names;
            None = random ones that are trained.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (B, C) or (B, U, C); ``embedding`` = the features at unit length.

    Raises:
        ValueError: If a number is out of range, or a width differs.

    References:
        The classifier of CLIP-CAER's official code (temperature 0.01, fixed).

    Examples:
        >>> head = CosineHead(4, 2, temperature=0.5, anchors=torch.eye(4)[:2])
        >>> head(Encoding(torch.tensor([[3.0, 0.0, 0.0, 0.0]]))).logits.tolist()
        [[2.0, 0.0]]
    """

    def __init__(
        self,
        in_dim: int,
        num_classes: int,
        *,
        temperature: float = 0.01,
        learn_temperature: bool = False,
        anchors: Tensor | None = None,
    ) -> None:
        super().__init__()
        if in_dim < 1 or num_classes < 2 or not temperature > 0:
            raise ValueError(
                f"CosineHead got in_dim={in_dim}, num_classes={num_classes}, temperature={temperature}: give "
                "a width >= 1, at least 2 classes and a temperature above 0."
            )
        if anchors is not None and anchors.shape != (num_classes, in_dim):
            raise ValueError(
                f"CosineHead got anchors of shape {tuple(anchors.shape)}: give one vector of width {in_dim} "
                f"for each of the {num_classes} classes."
            )
        self.in_dim = in_dim
        self.num_classes = num_classes
        self.anchors: Tensor
        if anchors is None:
            self.anchors = nn.Parameter(in_dim**-0.5 * torch.randn(num_classes, in_dim))
        else:
            self.register_buffer("anchors", anchors.detach().clone())
        self.log_scale: Tensor
        start = torch.tensor(-math.log(temperature))
        if learn_temperature:
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", start)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict logits from ``features.pooled``."""
        if features.pooled.shape[-1] != self.in_dim:
            raise ValueError(
                f"CosineHead built with in_dim={self.in_dim} got features of width "
                f"{features.pooled.shape[-1]}: build it with the out_dim of the part before it."
            )
        logits = cosine_logits(features.pooled, self.anchors, self.log_scale.exp())
        return AffectOutput(logits=logits, embedding=F.normalize(features.pooled, dim=-1))
