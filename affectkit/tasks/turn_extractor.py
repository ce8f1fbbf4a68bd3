"""An encoder of single recordings, texts or pictures inside a conversation task."""

from __future__ import annotations

from typing import Final, Self, cast

import torch
from torch import Tensor, nn

from affectkit.encoders import ProjectionEncoder, UtteranceEncoder
from affectkit.types import Encoder, Encoding


class TurnExtractor(nn.Module):
    """Turns through an encoder of their own, and its vectors through a projection.

    Args:
        extractor: Encoder of single items; it sees the turns that are there and no others.
        projection: To the width of the conversation model.
        frozen: Whether the extractor keeps its weights and stays in evaluation.

    Shape:
        - Input: as of :class:`~affectkit.encoders.UtteranceEncoder`.
        - Output: ``pooled`` (B, U, D); ``mask`` (B, U), turns that are there.
    """

    #: What it reads is not stored features, so a task has no width to compare with the data's.
    reads_raw: Final = True

    def __init__(self, extractor: Encoder, projection: ProjectionEncoder, *, frozen: bool = False) -> None:
        super().__init__()
        self.turns = UtteranceEncoder(extractor)
        self.projection = projection
        self.out_dim = projection.out_dim
        self.frozen = False
        if frozen:
            self.freeze()

    @property
    def extractor(self) -> nn.Module:
        """The encoder of single items."""
        return self.turns.encoder

    def freeze(self) -> None:
        """Keep the weights of the extractor as they are from here on."""
        self.frozen = True
        self.turns.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a frozen extractor stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.turns.eval()
        return self

    def vectors(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Vectors (B, U, E) of turns ``x`` (B, U, ...), 0 where a turn is not there."""
        if mask is not None and not bool(mask.any()):
            # Not every encoder can be asked about nothing.
            width = self.turns.out_dim
            like = cast(Tensor, self.projection.layers[0].weight)
            nothing = like.new_zeros(*x.shape[:2], width)
            if torch.is_grad_enabled():
                # Processes that train together wait for the gradient of each parameter, be it nothing.
                trained = [one.sum() for one in self.turns.parameters() if one.requires_grad]
                nothing = nothing + 0.0 * torch.stack(trained).sum() if trained else nothing
            return Encoding(nothing, mask=torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device))
        found: Encoding = self.turns(x, mask)
        return found

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode and project ``x``."""
        found = self.vectors(x, mask)
        projected: Encoding = self.projection(found.pooled, found.mask)
        return projected
