"""A teacher of valence and arousal."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.labels import affect_scale
from affectkit.types import AffectOutput, Encoder


class VATeacher(nn.Module):
    r"""Any encoder with a bounded linear layer: :math:`l + (h - l)\, \sigma(W f + b)` on each axis.

    Its embedding is what prototypes are made of, its dims are what
    ``PrototypeDistillationLoss(target="teacher")`` reads; :func:`affectkit.distill.teacher_views` gives
    both the names under which losses look for them. No shipped data module reads EEG: train it in a loop
    of your own, or give the encoder and a ``DimensionalHead`` to ``AffectTask`` with a data module of yours.

    Args:
        encoder: Encoder, e.g. :class:`~affectkit.distill.TopographicEncoder`.
        scale: Name of the scale whose axes are predicted.

    Shape:
        - x, mask: what the encoder reads
        - dims: (B, A)
        - embedding: (B, D)

    References:
        NeuroGaze-Distill, README of the official code: a frozen teacher of valence and arousal on EEG.

    Deviation from the paper:
        Its layers are not public: any encoder and one layer, the bound and the sizes are this library's, and
        nothing is claimed about its scores.

    Examples:
        >>> import torch
        >>> from affectkit.distill import TopographicEncoder
        >>> teacher = VATeacher(TopographicEncoder("ten_twenty19", 8, size=8, hidden_dim=4))
        >>> output = teacher(torch.randn(2, 19, 256))
        >>> output.dims.shape, output.embedding.shape
        (torch.Size([2, 2]), torch.Size([2, 8]))
    """

    def __init__(self, encoder: Encoder, *, scale: str = "va.unit") -> None:
        super().__init__()
        self.scale = affect_scale(scale)
        self.encoder = encoder
        self.linear = nn.Linear(encoder.out_dim, len(self.scale))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> AffectOutput:
        """Predict the axes of the scale."""
        pooled = self.encoder(x, mask).pooled
        raw: Tensor = self.linear(pooled)
        dims = self.scale.low + (self.scale.high - self.scale.low) * raw.sigmoid()
        return AffectOutput(dims=dims, embedding=pooled)
