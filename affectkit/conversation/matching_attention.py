"""Attention of each utterance over the utterances of its conversation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.conversation.turn_order import utterance_mask
from affectkit.types import Encoding


class MatchingAttention(nn.Module):
    r"""General matching attention, :math:`h_t = \sum_s \mathrm{softmax}_s((W e_t + b) \cdot e_s) e_s`.

    The softmax runs over real utterances only; with ``context="past"`` over those up to t.

    Args:
        dim: Width D of the utterance features.
        context: ``"past"`` or ``"both"``.

    Shape:
        - Input: ``features.pooled`` (B, U, D), ``features.mask`` (B, U); ``speaker`` is not used.
        - Output: ``pooled`` (B, U, D), 0 on padding.

    Raises:
        ValueError: If the features have another shape, or ``context`` is neither word.

    References:
        N. Majumder, S. Poria, D. Hazarika, R. Mihalcea, A. Gelbukh, E. Cambria. DialogueRNN: An
        Attentive RNN for Emotion Detection in Conversations. AAAI 2019. arXiv:1811.00405.

    Deviation from the paper:
        ``context="past"`` is an addition; the published attention reads the whole conversation.

    Examples:
        >>> import torch
        >>> from affectkit.types import Encoding
        >>> attention = MatchingAttention(4, context="past")
        >>> turns = torch.randn(1, 3, 4)
        >>> seen = attention(Encoding(turns)).pooled
        >>> torch.allclose(seen[:, 0], turns[:, 0]), tuple(seen.shape)
        (True, (1, 3, 4))
    """

    def __init__(self, dim: int, *, context: Literal["past", "both"] = "past") -> None:
        super().__init__()
        if context not in ("past", "both"):
            raise ValueError(f"MatchingAttention got context={context!r}: give 'past' or 'both'.")
        self.out_dim = dim
        self.context = context
        self.transform = nn.Linear(dim, dim)

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        """Contextualise ``features``; see the class for shapes."""
        del speaker
        pooled = features.pooled
        mask = utterance_mask(pooled, features.mask, owner="MatchingAttention", in_dim=self.out_dim)
        padding = ~mask.unsqueeze(-1)
        pooled = pooled.masked_fill(padding, 0.0)
        attended = (self.weights(pooled, mask) @ pooled).masked_fill(padding, 0.0)
        return Encoding(pooled=attended, mask=mask)

    def last(self, sequence: Tensor) -> Tensor:
        """What the last utterance (1, D) of ``sequence`` (U, D) gives, all of them real."""
        query: Tensor = self.transform(sequence[-1:])
        return torch.softmax(query @ sequence.to(query.dtype).T, dim=-1) @ sequence

    def weights(self, sequence: Tensor, mask: Tensor) -> Tensor:
        """Attention weights (B, U, U), row t over s, of ``sequence`` (B, U, D) under ``mask`` (B, U)."""
        query: Tensor = self.transform(sequence)
        scores = query @ sequence.to(query.dtype).transpose(1, 2)
        seen = mask.unsqueeze(1).expand_as(scores)
        if self.context == "past":
            seen = seen.tril()
        # The lowest finite number, not -inf: a row that sees nothing must not become NaN.
        return torch.softmax(scores.masked_fill(~seen, torch.finfo(scores.dtype).min), dim=-1)
