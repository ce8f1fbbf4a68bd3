"""An emotion and the attributes of what evokes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class MultiAttributeHead(nn.Module):
    r"""Attributes by name, and an emotion that may read what was found about them.

    .. math:: h_k = \mathrm{relu}(V_k x_k + a_k), \quad z_k = W_k h_k + b_k, \quad
        z = W [x_0; h_1; \dots; h_K] + b

    with :math:`x_k` and :math:`x_0` the features, or the columns of them that attribute k and the emotion
    are to read: those of a stage of a network, where the features of several stages stand side by side
    (:class:`~affectkit.encoders.TimmStageEncoder`).

    Attributes are absent in many rows: -100 in ``Target.extra[name]`` for one of many values, NaN for
    several at once. :class:`~affectkit.losses.ClassificationLoss` and
    :class:`~affectkit.losses.MultilabelLoss` with ``head=name`` then skip the row.

    Args:
        in_dim: Width D of the features.
        num_classes: Number of emotions C.
        attributes: Number of values of each attribute.
        columns: First and last column (exclusive) that an attribute reads; all, where it is not named.
        emotion_columns: Those that the emotion reads; all where None.
        feature_dim: Width of each :math:`h_k`.
        use_attributes: Whether the emotion reads the :math:`h_k` beside the features.
        dropout: Dropout before each linear layer.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., C); ``extra[name]`` (..., K_name); ``embedding`` = what the emotion reads.

    Raises:
        ValueError: If a number or a column is out of range, columns are given of an unknown attribute, or
            the features have another width.

    References:
        The attributes are those of EmoSet; its module is described in its paper and not part of its code.

    Deviation from the paper:
        Which stage serves which attribute, the widths and how the attributes reach the emotion are this
        library's, since there is no code to compare with.

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
        columns: Mapping[str, tuple[int, int]] | None = None,
        emotion_columns: tuple[int, int] | None = None,
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
        given = dict(columns or {})
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ValueError(
                f"MultiAttributeHead got columns of {unknown[0]!r}, which is none of the attributes "
                f"{', '.join(names)}: correct the name."
            )
        self.in_dim = in_dim
        self.columns = {name: _span(given.get(name), in_dim, name) for name in names}
        self.emotion_columns = _span(emotion_columns, in_dim, "the emotion")
        self.use_attributes = use_attributes
        self.projections = nn.ModuleDict(
            {
                name: HiddenProjection(stop - start, feature_dim, dropout=dropout)
                for name, (start, stop) in self.columns.items()
            }
        )
        self.attributes = nn.ModuleDict({name: nn.Linear(feature_dim, attributes[name]) for name in names})
        start, stop = self.emotion_columns
        width = stop - start + (feature_dim * len(names) if use_attributes else 0)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.pooled``."""
        pooled = features.pooled
        if pooled.shape[-1] != self.in_dim:
            raise ValueError(
                f"a head built with in_dim={self.in_dim} got features of width {pooled.shape[-1]}: "
                "build it with the out_dim of the part before it."
            )
        found: dict[str, Tensor] = {}
        for name, part in self.projections.items():
            start, stop = self.columns[name]
            found[name] = part(pooled[..., start:stop])
        extra: dict[str, Tensor] = {name: part(found[name]) for name, part in self.attributes.items()}
        start, stop = self.emotion_columns
        embedding = pooled[..., start:stop]
        if self.use_attributes:
            embedding = torch.cat([embedding, *found.values()], -1)
        logits: Tensor = self.classifier(embedding)
        return AffectOutput(logits=logits, embedding=embedding, extra=extra)


def _span(columns: tuple[int, int] | None, width: int, name: str) -> tuple[int, int]:
    if columns is None:
        return 0, width
    start, stop = columns
    if not 0 <= start < stop <= width:
        raise ValueError(
            f"MultiAttributeHead got the columns {start} to {stop} of {name} for features of width {width}: "
            "give the first and the last, exclusive, within them."
        )
    return start, stop
