"""An emotion and the attributes of what evokes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class MultiAttributeHead(nn.Module):
    r"""Attributes by name, and an emotion that may read what was found about them.

    .. math:: h_k = \mathrm{relu}(V_k x + a_k), \quad z_k = W_k h_k + b_k, \quad
        z = W [x; h_1; \dots; h_K] + b

    Attributes are absent in many rows: -100 in ``Target.extra[name]`` for one of many values, NaN for
    several at once. :class:`~affectkit.losses.ClassificationLoss` and
    :class:`~affectkit.losses.MultilabelLoss` with ``head=name`` then skip the row.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of emotions C.
        attributes: Number of values of each attribute.
        feature_dim: Width of each :math:`h_k`.
        use_attributes: Whether the emotion reads the :math:`h_k` beside the features.
        dropout: Dropout before each linear layer.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., C); ``extra[name]`` (..., K_name); ``embedding`` = what the emotion reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    References:
        The attributes are those of EmoSet; its module is described in its paper and not part of its code.

    Deviation from the paper:
        Every attribute reads the same features, not those of a backbone's stage of its own.

    Examples:
        >>> head = MultiAttributeHead(16, 8, {"brightness": 11, "object": 409}, feature_dim=4)
        >>> output = head(Encoding(torch.zeros(2, 16)))
        >>> {name: tuple(part.shape) for name, part in output.extra.items()}
        {'brightness': (2, 11), 'object': (2, 409)}
    """

    def __init__(
        self,
        in_dim: int,
        num_classes: int,
        attributes: Mapping[str, int],
        *,
        feature_dim: int = 64,
        use_attributes: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        small = {name: size for name, size in attributes.items() if size < 1}
        if num_classes < 2 or not attributes or small or feature_dim < 1:
            raise ValueError(
                f"MultiAttributeHead got num_classes={num_classes}, attributes={dict(attributes)} and "
                f"feature_dim={feature_dim}: give at least 2 classes, an attribute, and sizes of 1 or more."
            )
        names = sorted(attributes)
        self.use_attributes = use_attributes
        self.projections = nn.ModuleDict(
            {name: HiddenProjection(in_dim, feature_dim, dropout=dropout) for name in names}
        )
        self.attributes = nn.ModuleDict({name: nn.Linear(feature_dim, attributes[name]) for name in names})
        width = in_dim + (feature_dim * len(names) if use_attributes else 0)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.pooled``."""
        found: dict[str, Tensor] = {name: part(features.pooled) for name, part in self.projections.items()}
        extra: dict[str, Tensor] = {name: part(found[name]) for name, part in self.attributes.items()}
        embedding = features.pooled
        if self.use_attributes:
            embedding = torch.cat([embedding, *found.values()], -1)
        logits: Tensor = self.classifier(embedding)
        return AffectOutput(logits=logits, embedding=embedding, extra=extra)
