"""Self-attention over the turns of a conversation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, cast

import torch
from torch import Tensor, nn

from affectkit.conversation.speaker_numbers import speaker_numbers, without_unknown_speakers
from affectkit.conversation.streaming import join_turns, refuse_future
from affectkit.conversation.turn_layer import TurnLayer
from affectkit.conversation.turn_order import utterance_mask
from affectkit.functional import window_mask
from affectkit.types import Encoding


class TransformerContext(nn.Module):
    r"""Transformer over turns that knows the place and the speaker of each.

    :math:`x_t = W u_t + b + \mathrm{pos}(t) + s_{k(t)}`, then pre-norm layers of self-attention and a last
    norm. Places are sinusoids over the real turns, so there is no longest conversation. Who speaks comes in
    by one of two ways, both blind to how speakers are named:

    - ``"order"``: a learned vector for the first who spoke, the second, and so on;
    - ``"relative"``: in each layer and head a learned number that is added to the score of a turn of the same
      speaker and another for a turn of someone else. It serves any number of speakers.

    Args:
        in_dim: Width of the utterance features.
        hidden_dim: Width D of the layers.
        num_layers: Layers.
        num_heads: Heads of each attention.
        feedforward_dim: Width inside the feed-forward layers; None = 4 D.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it sees
            the whole conversation, which is not available while the talk is going on.
        window_past: How many turns before itself a turn attends to in each layer; None = all. L layers reach
            back L times as far.
        window_future: The same for turns after itself; with ``context="past"`` there are none.
        speakers: ``"order"``, ``"relative"`` or ``"none"``.
        num_speakers: Vectors of ``"order"``; a conversation with more speakers is refused.
        dropout: Dropout on the input and in the layers.

    Shape:
        - Input: ``features.pooled`` (B, U, in_dim), ``features.mask`` (B, U), ``speaker`` (B, U)
          int64, -1 on padding; not needed with ``speakers="none"``.
        - Output: ``pooled`` (B, U, hidden_dim), 0 on padding.

    Raises:
        ValueError: If an argument is out of range, a shape is wrong, ``speaker`` is missing or has none for a
            real utterance, or there are more speakers than vectors for them.

    References:
        A. Vaswani et al. Attention Is All You Need. NeurIPS 2017. arXiv:1706.03762.

    Deviation from the paper:
        An encoder with pre-norm layers; the speakers are ours.

    Examples:
        >>> model = TransformerContext(16, 8, num_heads=2, window_past=4)
        >>> speaker = torch.tensor([[0, 1, 0, 1, -1]])
        >>> model(Encoding(torch.zeros(1, 5, 16), mask=speaker >= 0), speaker).pooled.shape
        torch.Size([1, 5, 8])
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int,
        *,
        num_layers: int = 2,
        num_heads: int = 4,
        feedforward_dim: int | None = None,
        context: Literal["past", "both"] = "past",
        window_past: int | None = None,
        window_future: int | None = None,
        speakers: Literal["order", "relative", "none"] = "order",
        num_speakers: int = 16,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("context", context, ("past", "both")),
            ("speakers", speakers, ("order", "relative", "none")),
        ):
            if value not in known:
                raise ValueError(
                    f"TransformerContext got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        if in_dim < 1 or num_layers < 1 or num_speakers < 1:
            raise ValueError(
                f"TransformerContext got in_dim={in_dim}, num_layers={num_layers}, "
                f"num_speakers={num_speakers}: give whole numbers >= 1."
            )
        if min(window_past or 0, window_future or 0) < 0:
            raise ValueError(
                f"TransformerContext got window_past={window_past}, window_future={window_future}: "
                "give whole numbers >= 0, or None for all."
            )
        self.in_dim = in_dim
        self.out_dim = hidden_dim
        self.context = context
        self.window_past = window_past
        self.window_future = 0 if context == "past" else window_future
        self.speakers = speakers
        self.num_speakers = num_speakers
        self.projection = nn.Linear(in_dim, hidden_dim)
        if speakers == "order":
            # Zero at the start: a place among the speakers that training never met then says nothing.
            self.speaker_vectors = nn.Parameter(torch.zeros(num_speakers, hidden_dim))
        if speakers == "relative":
            self.speaker_scores = nn.Parameter(torch.zeros(num_layers, num_heads, 2))
        self.layers = nn.ModuleList(
            TurnLayer(
                hidden_dim,
                num_heads=num_heads,
                feedforward_dim=4 * hidden_dim if feedforward_dim is None else feedforward_dim,
                norm_first=True,
                dropout=dropout,
                owner="TransformerContext",
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        """Contextualise ``features``; see the class for shapes."""
        mask = utterance_mask(features.pooled, features.mask, owner="TransformerContext", in_dim=self.in_dim)
        who = None
        if self.speakers != "none":
            who = speaker_numbers(
                speaker,
                mask,
                owner="TransformerContext",
                num_speakers=self._vectors,
                remedy="set speakers to 'none'" if speaker is None else "set speakers to 'relative'",
            )
        padding = ~mask.unsqueeze(-1)
        turn = mask.cumsum(1) - 1
        order = who if self.speakers == "order" else None
        x = self._embed(features.pooled.masked_fill(padding, 0.0), turn, order)
        seen = window_mask(mask, window_past=self.window_past, window_future=self.window_future)
        # Padding sees itself: a row that sees nothing would be NaN.
        seen = seen | torch.eye(seen.shape[1], dtype=torch.bool, device=seen.device)
        same = (
            who.unsqueeze(2) == who.unsqueeze(1) if self.speakers == "relative" and who is not None else None
        )
        for index, layer in enumerate(self.layers):
            x = layer(x, self._bias(index, seen.unsqueeze(1), same))
        pooled: Tensor = self.norm(x)
        pooled = pooled.masked_fill(padding, 0.0)
        if who is not None:
            pooled = without_unknown_speakers(pooled, speaker, mask, num_speakers=self._vectors)
        return Encoding(pooled=pooled, mask=mask)

    def advance(
        self, features: Tensor, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One turn of a talk that is going on; see :class:`~affectkit.conversation.StreamingContext`."""
        refuse_future(self, self.context)
        who = torch.full((1,), speaker, dtype=torch.int64, device=features.device)
        turn = state.get("turn", torch.zeros_like(who))
        spoken = join_turns(state.get("speaker"), who)
        order = who if self.speakers == "order" else None
        if order is not None and speaker >= self.num_speakers:
            raise ValueError(
                f"TransformerContext was built for {self.num_speakers} speakers and met a conversation of "
                f"{speaker + 1}: set num_speakers to more, or speakers to 'relative'."
            )
        x = self._embed(
            features.unsqueeze(0), turn.unsqueeze(0), None if order is None else order.unsqueeze(0)
        )
        x = x.squeeze(0)
        same = (spoken == who)[None, None, :] if self.speakers == "relative" else None
        seen = torch.ones(1, 1, 1, len(spoken), dtype=torch.bool, device=features.device)
        keep = self.window_past
        after = {
            "turn": turn + 1,
            "speaker": spoken if keep is None else spoken[max(0, len(spoken) - keep) :],
        }
        for index, layer in enumerate(cast(list[TurnLayer], self.layers)):
            kept = {kind: state[f"{kind}.{index}"] for kind in ("key", "value") if f"{kind}.{index}" in state}
            x, latest = layer.advance(x, self._bias(index, seen, same), kept, keep=keep)
            after.update({f"{kind}.{index}": tensor for kind, tensor in latest.items()})
        return self.norm(x), after

    @property
    def _vectors(self) -> int | None:
        """How many speakers there are vectors for; None where speakers have none."""
        return self.num_speakers if self.speakers == "order" else None

    def _embed(self, features: Tensor, turn: Tensor, order: Tensor | None) -> Tensor:
        x: Tensor = self.projection(features)
        x = x + _sinusoids(turn, self.out_dim).to(x.dtype)
        if order is not None:
            x = x + self.speaker_vectors[order.clamp(min=0)].to(x.dtype)
        dropped: Tensor = self.dropout(x)
        return dropped

    def _bias(self, layer: int, seen: Tensor, same: Tensor | None) -> Tensor:
        """What is added to the scores (B, H, U, U) of a layer, or who may look where."""
        if same is None:
            return seen
        # (H, 2) to (B, H, U, U): the first of the two numbers for the same speaker.
        other, own = self.speaker_scores[layer, :, 1], self.speaker_scores[layer, :, 0]
        scores = torch.where(same.unsqueeze(1), own[:, None, None], other[:, None, None])
        return scores.masked_fill(~seen, -torch.inf)


def _sinusoids(turn: Tensor, dim: int) -> Tensor:
    """Sines and cosines of the number of each turn, (..., dim)."""
    half = (dim + 1) // 2
    rates = torch.exp(-math.log(10_000.0) / half * torch.arange(half, device=turn.device))
    angles = turn.unsqueeze(-1).float() * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :dim]
