"""Speaker-aware recurrent context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch
from torch import Tensor, nn

from affectkit.conversation.matching_attention import MatchingAttention
from affectkit.conversation.party_recurrence import PartyRecurrence
from affectkit.conversation.speaker_numbers import speaker_numbers, without_unknown_speakers
from affectkit.conversation.streaming import join_turns, refuse_future
from affectkit.conversation.turn_order import (
    backward_order,
    forward_order,
    restore_order,
    take_order,
    utterance_mask,
)
from affectkit.types import Encoding


class DialogueRNN(nn.Module):
    r"""Context by a global state, a state for each party and an emotion state.

    .. math::
        g_t = \mathrm{GRU}([u_t; q], g_{t-1}), \quad
        c_t = \sum_{s<t} \mathrm{softmax}_s(g_s \cdot W u_t)\, g_s, \quad
        q' = \mathrm{GRU}([u_t; c_t], q), \quad e_t = \mathrm{GRU}(q', e_{t-1})

    with u the utterance, q the state of its speaker, g the global state and e the emotion state.

    The recurrence is that of :class:`~affectkit.conversation.party_recurrence.PartyRecurrence`. With
    ``context="both"`` a second one, with weights of its own, runs over each conversation reversed within
    its own length, and the two emotion states stand side by side.

    Args:
        in_dim: Width of the utterance features.
        hidden_dim: Width of the emotion state of each direction.
        global_dim: Width of the global state; None = ``hidden_dim``.
        party_dim: Width of a party's state; None = ``hidden_dim``.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it
            sees the whole conversation, which is not available while the talk is going on.
        listener: Whether an utterance also moves the states of those who listen.
        attention: Whether each emotion state is replaced by attention over those in its context.
        window_past: How many of the latest global states a turn attends to; None = all, as published.
            Only the memory of what was said is cut, the states themselves still go back to the start.
        dropout: Dropout on every new state.
        official_padding: Reproduce what the official code computes *on padding*: party 0 speaks
            there, with the features found there. Results on real utterances are the same.

    Shape:
        - Input: ``features.pooled`` (B, U, in_dim), ``features.mask`` (B, U), ``speaker`` (B, U)
          int64, numbered from 0 within each conversation, -1 on padding.
        - Output: ``pooled`` (B, U, out_dim), 0 on padding; ``out_dim`` is ``hidden_dim``, twice that
          for ``context="both"``.

    Raises:
        ValueError: If an argument is out of range, ``speaker`` is missing or has none for a real
            utterance, or a shape is wrong.

    References:
        N. Majumder, S. Poria, D. Hazarika, R. Mihalcea, A. Gelbukh, E. Cambria. DialogueRNN: An
        Attentive RNN for Emotion Detection in Conversations. AAAI 2019. arXiv:1811.00405.

    Deviation from the paper:
        Past-only by default. Padding is 0 instead of a party-0 monologue (``official_padding``).
        With ``context="past"`` the attention over emotions looks back only. Dropout on the emotion state
        is not fed back into its recurrence. ``window_past`` is an addition.

    Examples:
        >>> model = DialogueRNN(16, 8)
        >>> speaker = torch.tensor([[0, 1, 0, 1, -1]])
        >>> model(Encoding(torch.zeros(1, 5, 16), mask=speaker >= 0), speaker).pooled.shape
        torch.Size([1, 5, 8])
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int,
        *,
        global_dim: int | None = None,
        party_dim: int | None = None,
        context: Literal["past", "both"] = "past",
        listener: bool = False,
        attention: bool = False,
        window_past: int | None = None,
        dropout: float = 0.0,
        official_padding: bool = False,
    ) -> None:
        super().__init__()
        global_dim = hidden_dim if global_dim is None else global_dim
        party_dim = hidden_dim if party_dim is None else party_dim
        if min(in_dim, hidden_dim, global_dim, party_dim) < 1:
            raise ValueError(
                f"DialogueRNN got in_dim={in_dim}, hidden_dim={hidden_dim}, global_dim={global_dim}, "
                f"party_dim={party_dim}: give whole numbers >= 1."
            )
        if context not in ("past", "both"):
            raise ValueError(f"DialogueRNN got context={context!r}: give 'past' or 'both'.")
        self.in_dim = in_dim
        self.context = context
        self.official_padding = official_padding
        self.out_dim = hidden_dim * (2 if context == "both" else 1)
        self.directions = nn.ModuleList(
            PartyRecurrence(
                in_dim,
                global_dim=global_dim,
                party_dim=party_dim,
                emotion_dim=hidden_dim,
                listener=listener,
                window_past=window_past,
                dropout=dropout,
            )
            for _ in range(2 if context == "both" else 1)
        )
        self.attention = MatchingAttention(self.out_dim, context=context) if attention else None

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        """Contextualise ``features``; see the class for shapes."""
        sequence = features.pooled
        mask = utterance_mask(sequence, features.mask, owner="DialogueRNN", in_dim=self.in_dim)
        who = speaker_numbers(speaker, mask, owner="DialogueRNN", remedy="use BcLSTM")
        padding = ~mask.unsqueeze(-1)
        if not self.official_padding:
            sequence = sequence.masked_fill(padding, 0.0)

        order = forward_order(mask)
        emotion = self._run(self.directions[0], sequence, who, order)
        if not self.official_padding:
            emotion = emotion.masked_fill(padding, 0.0)
        if self.context == "both":
            back = self._run(self.directions[1], sequence, who, backward_order(mask))
            emotion = torch.cat([emotion, back.masked_fill(padding, 0.0)], dim=-1)
        if self.attention is not None:
            emotion = self.attention.weights(emotion, mask) @ emotion
            if not self.official_padding:
                emotion = emotion.masked_fill(padding, 0.0)
        return Encoding(pooled=without_unknown_speakers(emotion, speaker, mask), mask=mask)

    def advance(
        self, features: Tensor, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One turn of a talk that is going on; see :class:`~affectkit.conversation.StreamingContext`."""
        refuse_future(self, self.context)
        emotion, after = cast(PartyRecurrence, self.directions[0]).advance(features, speaker, state)
        if self.attention is not None:
            spoken = join_turns(state.get("spoken"), emotion)
            mask = torch.ones(1, len(spoken), dtype=torch.bool, device=spoken.device)
            after["spoken"] = spoken
            emotion = self.attention.weights(spoken.unsqueeze(0), mask)[:, -1] @ spoken
        return emotion, after

    def _run(self, direction: nn.Module, sequence: Tensor, who: Tensor, order: Tensor) -> Tensor:
        emotion: Tensor = direction(take_order(sequence, order), take_order(who, order))
        return restore_order(emotion, order)
