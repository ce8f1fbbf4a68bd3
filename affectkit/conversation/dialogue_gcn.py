"""Speaker-aware context over a graph of the turns around each utterance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.conversation.bc_lstm import BcLSTM
from affectkit.conversation.matching_attention import MatchingAttention
from affectkit.conversation.speaker_numbers import speaker_numbers, without_unknown_speakers
from affectkit.conversation.streaming import join_turns, part_of_state, refuse_future
from affectkit.conversation.turn_order import forward_order, restore_order, take_order, utterance_mask
from affectkit.conversation.turn_window import TurnWindow, turn_window
from affectkit.functional import masked_softmax
from affectkit.types import Encoding


class DialogueGCN(nn.Module):
    r"""A recurrence over the turns, then two graph convolutions over windows of them.

    With g the states of the recurrence, :math:`N_i` the turns from ``window_past`` before i to
    ``window_future`` after it, i included, and :math:`N_i^r` those in relation r to it:

    .. math::
        \alpha_{ij} &= \mathrm{softmax}_{j \in N_i}(g_i^\top W_e g_j) \\
        h_i &= \mathrm{relu}\Bigl(\sum_r \sum_{j \in N_i^r} \frac{\alpha_{ij}}{|N_i^r|} W_r g_j
            + \alpha_{ii} W_0 g_i\Bigr) \\
        h'_i &= \mathrm{relu}\Bigl(W' \sum_{j \in N_i} h_j + W'_0 h_i + b\Bigr) \\
        e_i &= [g_i; h'_i], \quad \text{replaced by attention over those in its context}

    In a talk that is going on, what is kept is the window, and with ``attention`` every :math:`e_i`: a turn
    costs the same at any time where ``attention`` is False and ``window_past`` a number.

    A relation is who speaks i, who speaks j, and whether j comes after i. Windows of a whole batch are one
    graph of torch-geometric, made without a loop.

    Args:
        in_dim: Width of the utterance features.
        hidden_dim: Width of each direction of the recurrence.
        graph_dim: Width of both convolutions; None = ``hidden_dim``.
        cell: Recurrence: ``"lstm"`` or ``"gru"``.
        num_layers: Layers of the recurrence.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it sees
            the whole conversation, which is not available while the talk is going on.
        window_past: Turns of the window before an utterance; None = all.
        window_future: Turns after it; None = all. With ``context="past"`` there are none.
        num_speakers: Speakers P of the largest cast, numbered by who spoke first: :math:`2 P^2` relations,
            :math:`P^2` without a future. None: relations tell the same speaker from another one and
            nothing else, for any cast, also one that training never saw.
        num_bases: Matrices that the relations share; None = a matrix for each relation.
        edge_attention: ``"bilinear"``, as above, or ``"position"``, as in the official code: the score is
            row i of :math:`W g_j`, so that each absolute position has weights of its own.
        max_turns: Turns of the longest conversation, for ``edge_attention="position"``.
        attention: Whether :math:`e_i` is replaced by attention over those in its context.
        dropout: Dropout on the recurrence and on the convolutions.

    Shape:
        - Input: ``features.pooled`` (B, U, in_dim), ``features.mask`` (B, U), ``speaker`` (B, U)
          int64, numbered from 0 within each conversation, -1 on padding.
        - Output: ``pooled`` (B, U, out_dim), 0 on padding; ``out_dim`` is ``hidden_dim`` (twice that for
          ``context="both"``) plus ``graph_dim``.

    Raises:
        ValueError: If an argument is out of range; if speakers are missing, or more than ``num_speakers``;
            if a conversation is longer than ``max_turns`` where that counts; or a shape is wrong.

    References:
        D. Ghosal, N. Majumder, S. Poria, N. Chhaya, A. Gelbukh. DialogueGCN: A Graph Convolutional Neural
        Network for Emotion Recognition in Conversation. EMNLP-IJCNLP 2019. arXiv:1908.11540.

    Deviation from the paper:
        Past-only by default, and relations that any cast has; ``context="both",
        num_speakers=P`` is the published model. The official code scores edges by absolute position
        (``edge_attention="position"``) over all time steps, padding included, and brings the sum over the
        window to 1 afterwards; the steps outside cancel there, so that padding has no influence here either.

    Examples:
        >>> model = DialogueGCN(16, 8, graph_dim=4)
        >>> speaker = torch.tensor([[0, 1, 0, 1, -1]])
        >>> model(Encoding(torch.zeros(1, 5, 16), mask=speaker >= 0), speaker).pooled.shape
        torch.Size([1, 5, 12])
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int,
        *,
        graph_dim: int | None = None,
        cell: Literal["lstm", "gru"] = "lstm",
        num_layers: int = 1,
        context: Literal["past", "both"] = "past",
        window_past: int | None = 10,
        window_future: int | None = 10,
        num_speakers: int | None = None,
        num_bases: int | None = 30,
        edge_attention: Literal["bilinear", "position"] = "bilinear",
        max_turns: int = 110,
        attention: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        # Here, not above: the room is imported without torch-geometric.
        from affectkit.graph.geometric_bridge import NeighbourConvolution, RelationConvolution

        graph_dim = hidden_dim if graph_dim is None else graph_dim
        for name, value, least in (
            ("graph_dim", graph_dim, 1),
            ("window_past", window_past, 0),
            ("window_future", window_future, 0),
            ("num_speakers", num_speakers, 1),
            ("num_bases", num_bases, 1),
            ("max_turns", max_turns, 1),
        ):
            if value is not None and value < least:
                raise ValueError(f"DialogueGCN got {name}={value}: give a whole number >= {least}.")
        if edge_attention not in ("bilinear", "position"):
            raise ValueError(
                f"DialogueGCN got edge_attention={edge_attention!r}: give 'bilinear' or 'position'."
            )
        self.in_dim = in_dim
        self.context = context
        self.num_speakers = num_speakers
        self.window = (window_past, window_future if context == "both" else 0)
        self.max_turns = max_turns if edge_attention == "position" else None
        self.recurrence = BcLSTM(
            in_dim, hidden_dim, num_layers=num_layers, context=context, cell=cell, dropout=dropout
        )
        width = self.recurrence.out_dim
        self.score = nn.Linear(width, width if self.max_turns is None else self.max_turns, bias=False)
        pairs = 2 if num_speakers is None else num_speakers**2
        self.relations = RelationConvolution(
            width, graph_dim, num_relations=pairs * self._sides, num_bases=num_bases
        )
        self.itself = nn.Linear(width, graph_dim, bias=False)
        self.neighbours = NeighbourConvolution(graph_dim, graph_dim)
        self.dropout = nn.Dropout(dropout)
        self.out_dim = width + graph_dim
        self.attention = MatchingAttention(self.out_dim, context=context) if attention else None

    @property
    def _sides(self) -> int:
        """Whether relations tell later turns from earlier ones."""
        return 1 if self.window[1] == 0 else 2

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        """Contextualise ``features``; see the class for shapes."""
        mask = utterance_mask(features.pooled, features.mask, owner="DialogueGCN", in_dim=self.in_dim)
        who = speaker_numbers(
            speaker,
            mask,
            owner="DialogueGCN",
            num_speakers=self.num_speakers,
            remedy="use BcLSTM" if speaker is None else "leave it None, for relations that any cast has",
        )
        spoken = self.recurrence(Encoding(features.pooled, mask=mask)).pooled
        order = forward_order(mask)
        real = take_order(mask, order)
        around = self._convolve(take_order(spoken, order), take_order(who, order), real)
        result = torch.cat([spoken, restore_order(around, order).to(spoken.dtype)], dim=-1)
        if self.attention is not None:
            result = self.attention.weights(result, mask) @ result
        result = result.masked_fill(~mask.unsqueeze(-1), 0.0)
        known = without_unknown_speakers(result, speaker, mask, num_speakers=self.num_speakers)
        return Encoding(pooled=known, mask=mask)

    def advance(
        self, features: Tensor, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One turn of a talk that is going on; see :class:`~affectkit.conversation.StreamingContext`."""
        refuse_future(self, self.context)
        known = self.num_speakers
        if known is not None and speaker >= known:
            raise ValueError(
                f"DialogueGCN was made for num_speakers={known} and got a conversation of {speaker + 1} "
                "speakers: raise num_speakers, or leave it None, for relations that any cast has."
            )
        heard, latest = self.recurrence.advance(features, speaker, part_of_state(state, "recurrence."))
        after = {f"recurrence.{key}": value for key, value in latest.items()}
        keep = None if self.window[0] is None else self.window[0] + 1
        who = torch.full((1,), speaker, device=features.device)
        after["spoken"] = spoken = join_turns(state.get("spoken"), heard, keep=keep)
        after["speaker"] = whom = join_turns(state.get("speaker"), who, keep=keep)
        turn = int(state["turn"]) + 1 if "turn" in state else 0
        after["turn"] = torch.tensor([turn], device=features.device)

        # All edges of the newest turn, that to itself last.
        sender = torch.arange(len(spoken), device=features.device)
        receiver = torch.full_like(sender, len(spoken) - 1)
        weight = self._window_scores(spoken, turn).softmax(0)
        moved = self.relations(
            spoken, sender, receiver, relation=self._relations(whom, sender, receiver), weight=weight
        )[-1:]
        own: Tensor = self.itself(heard) * weight[-1].to(heard.dtype)
        after["hidden"] = hidden = join_turns(state.get("hidden"), F.relu(moved + own), keep=keep)
        around = F.relu(self.neighbours(hidden, sender, receiver)[-1:])
        result = torch.cat([heard, around.to(heard.dtype)], dim=-1)
        if self.attention is not None:
            after["encoded"] = join_turns(state.get("encoded"), result)
            result = self.attention.last(after["encoded"])
        return result, after

    def _window_scores(self, spoken: Tensor, turn: int) -> Tensor:
        """Scores (W,) of the newest turn with those of its window (W, D), itself last."""
        if self.max_turns is None:
            scores: Tensor = self.score(spoken[-1:])[0] @ spoken.T
        else:
            self._check_length(turn + 1)
            scores = self.score(spoken)[:, turn]
        return scores.to(torch.promote_types(scores.dtype, torch.float32))

    def _check_length(self, turns: int) -> None:
        if self.max_turns is not None and turns > self.max_turns:
            raise ValueError(
                f"DialogueGCN was made for max_turns={self.max_turns} and got a conversation of "
                f"{turns} turns: raise max_turns, or use edge_attention='bilinear', which has no limit."
            )

    def _convolve(self, spoken: Tensor, who: Tensor, mask: Tensor) -> Tensor:
        """Both convolutions over conversations whose real turns stand in front."""
        batch, size, _ = spoken.shape
        past, future = self.window
        window = turn_window(mask, past=past, future=future)
        scores = self._scores(spoken, mask, window)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        weight = masked_softmax(scores, window.real)
        itself = weight[:, :, window.offset == 0].to(spoken.dtype)

        row, turn, number = window.real.nonzero(as_tuple=True)
        receiver = row * size + turn
        sender = row * size + window.place[turn, number]
        relation = self._relations(who.flatten(), sender, receiver)
        nodes = spoken.flatten(0, 1)
        own: Tensor = self.itself(spoken) * itself
        heard = self.relations(
            nodes, sender, receiver, relation=relation, weight=weight[row, turn, number]
        ).view(batch, size, -1)
        # Padding has no edge, and zeros for neither term to change.
        hidden: Tensor = self.dropout(F.relu(heard + own))
        hidden = self.neighbours(hidden.flatten(0, 1), sender, receiver).view(batch, size, -1)
        result: Tensor = self.dropout(F.relu(hidden))
        return result

    def _scores(self, spoken: Tensor, mask: Tensor, window: TurnWindow) -> Tensor:
        """Score (B, U, W) of each turn of each window."""
        size = spoken.shape[1]
        scored: Tensor = self.score(spoken)
        if self.max_turns is None:
            pairs = scored @ spoken.transpose(1, 2)
        else:
            self._check_length(int(mask.sum(1).max()) if size else 0)
            pairs = scored.transpose(1, 2)[:, :size]
            pairs = F.pad(pairs, (0, 0, 0, size - pairs.shape[1]))
        return pairs.gather(2, window.place.expand(len(pairs), -1, -1))

    def _relations(self, who: Tensor, sender: Tensor, receiver: Tensor) -> Tensor:
        """Number of the relation of each edge."""
        speaks, hears = who[sender], who[receiver]
        pairs = self.num_speakers
        pair = (speaks != hears).long() if pairs is None else hears * pairs + speaks
        return pair if self._sides == 1 else pair * 2 + (sender > receiver)
