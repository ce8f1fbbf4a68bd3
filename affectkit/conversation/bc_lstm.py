"""Recurrent context over the utterances of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.conversation.streaming import refuse_future
from affectkit.conversation.turn_order import (
    backward_order,
    forward_order,
    restore_order,
    take_order,
    utterance_mask,
)
from affectkit.types import Encoding


class BcLSTM(nn.Module):
    r"""Contextual LSTM (or GRU) over utterance features, one direction or both.

    :math:`h_t = \mathrm{RNN}(x_t, h_{t-1})` over the real utterances; with ``context="both"`` a
    second recurrence runs from the last utterance to the first, and each layer reads both.

    Args:
        in_dim: Width of the utterance features.
        hidden_dim: Width of each direction's state.
        num_layers: Number of layers.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it
            sees the whole conversation, which is not available while the talk is going on.
        cell: ``"lstm"`` or ``"gru"``.
        dropout: Dropout on the output of every layer, the last included.

    Shape:
        - Input: ``features.pooled`` (B, U, in_dim), ``features.mask`` (B, U); ``speaker`` is not used.
        - Output: ``pooled`` (B, U, out_dim), 0 on padding; ``out_dim`` is ``hidden_dim``, twice that
          for ``context="both"``.

    Raises:
        ValueError: If an argument is out of range, or the features have another shape.

    References:
        S. Poria, E. Cambria, D. Hazarika, N. Majumder, A. Zadeh, L.-P. Morency. Context-Dependent
        Sentiment Analysis in User-Generated Videos. ACL 2017.

    Deviation from the paper:
        The published model is bidirectional; here the future is read only where asked for. The
        optional matching attention of later code is :class:`~affectkit.conversation.MatchingAttention`.

    Examples:
        >>> model = BcLSTM(16, 8, context="both")
        >>> model(Encoding(torch.zeros(2, 5, 16))).pooled.shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int,
        *,
        num_layers: int = 1,
        context: Literal["past", "both"] = "past",
        cell: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if in_dim < 1 or hidden_dim < 1 or num_layers < 1:
            raise ValueError(
                f"BcLSTM got in_dim={in_dim}, hidden_dim={hidden_dim}, num_layers={num_layers}: "
                "give whole numbers >= 1."
            )
        if context not in ("past", "both"):
            raise ValueError(f"BcLSTM got context={context!r}: give 'past' or 'both'.")
        if cell not in ("lstm", "gru"):
            raise ValueError(f"BcLSTM got cell={cell!r}: give 'lstm' or 'gru'.")
        self.in_dim = in_dim
        self.context = context
        self.out_dim = hidden_dim * (2 if context == "both" else 1)
        recurrence = nn.LSTM if cell == "lstm" else nn.GRU
        widths = [in_dim] + [self.out_dim] * (num_layers - 1)
        self.ahead = nn.ModuleList(recurrence(width, hidden_dim, batch_first=True) for width in widths)
        self.back = nn.ModuleList(
            recurrence(width, hidden_dim, batch_first=True) for width in widths if context == "both"
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        """Contextualise ``features``; see the class for shapes."""
        mask = utterance_mask(features.pooled, features.mask, owner="BcLSTM", in_dim=self.in_dim)
        padding = ~mask.unsqueeze(-1)
        state = features.pooled.masked_fill(padding, 0.0)
        to_front, to_back = forward_order(mask), backward_order(mask)
        for index, ahead in enumerate(self.ahead):
            directions = [_run(ahead, state, to_front)]
            if self.context == "both":
                directions.append(_run(self.back[index], state, to_back))
            layer: Tensor = self.dropout(torch.cat(directions, dim=-1))
            state = layer.masked_fill(padding, 0.0)
        return Encoding(pooled=state, mask=mask)

    def advance(
        self, features: Tensor, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One turn of a talk that is going on; see :class:`~affectkit.conversation.StreamingContext`."""
        del speaker
        refuse_future(self, self.context)
        after: dict[str, Tensor] = {}
        for index, ahead in enumerate(self.ahead):
            names = [
                f"{kind}.{index}" for kind in ("hidden", "cell")[: 2 if isinstance(ahead, nn.LSTM) else 1]
            ]
            before = tuple(state[name] for name in names if name in state)
            given = None if not before else before if len(names) == 2 else before[0]
            features, latest = ahead(features, given)
            after.update(zip(names, latest if len(names) == 2 else (latest,), strict=True))
        return self.dropout(features), after


def _run(recurrence: nn.Module, sequence: Tensor, order: Tensor) -> Tensor:
    hidden: Tensor = recurrence(take_order(sequence, order))[0]
    return restore_order(hidden, order)
