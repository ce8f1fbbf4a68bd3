"""One direction of DialogueRNN: global state, party states, emotion state."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.conversation.streaming import join_turns
from affectkit.conversation.turn_order import order_of_appearance


class PartyRecurrence(nn.Module):
    r"""The recurrence of DialogueRNN over utterances that are already in order.

    With u the utterance, q the state of its speaker before it, g the global states so far:

    .. math::
        g_t &= \mathrm{GRU}([u_t; q], g_{t-1}) \\
        c_t &= \mathrm{softmax}_{s<t}(g_s \cdot W u_t)\, g_s, \quad c_1 = 0 \\
        q' &= \mathrm{GRU}([u_t; c_t], q) \\
        q'_o &= \mathrm{GRU}([u_t; q'], q_o) \quad \text{for listeners o, if asked for} \\
        e_t &= \mathrm{GRU}(q', e_{t-1})

    Args:
        in_dim: Width of the utterance features.
        global_dim: Width of g.
        party_dim: Width of q.
        emotion_dim: Width of e.
        listener: Whether an utterance also moves the states of those who listen.
        window_past: How many of the latest g the softmax runs over; None = all.
        dropout: Dropout on every new g, q and on e.

    Shape:
        - Input: sequence (B, U, in_dim) with padding last; speaker (B, U) int64, -1 on padding.
        - Output: e (B, U, emotion_dim); on padding it follows party 0, who does not move there, as
          in the official code: mask it.

    Deviation from the paper:
        What depends on u alone is computed for all steps at once, and e after the loop, since
        nothing reads it there; dropout on e therefore is not fed back into the e recurrence.
    """

    def __init__(
        self,
        in_dim: int,
        *,
        global_dim: int,
        party_dim: int,
        emotion_dim: int,
        listener: bool = False,
        window_past: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if window_past is not None and window_past < 1:
            raise ValueError(f"DialogueRNN got window_past={window_past}: give at least 1, or None for all.")
        self.window_past = window_past
        self.in_dim = in_dim
        self.global_cell = nn.GRUCell(in_dim + party_dim, global_dim)
        self.party_cell = nn.GRUCell(in_dim + global_dim, party_dim)
        self.listener_cell = nn.GRUCell(in_dim + party_dim, party_dim) if listener else None
        self.emotion = nn.GRU(party_dim, emotion_dim, batch_first=True)
        self.query = nn.Linear(in_dim, global_dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequence: Tensor, speaker: Tensor) -> Tensor:
        """Run over ``sequence``; see the class for shapes."""
        batch, steps, _ = sequence.shape
        parties = steps
        if torch.compiler.is_compiling():
            # A graph of tensors has one number of states: as many as can speak. Only who is who matters.
            speaker = order_of_appearance(speaker)
        else:
            parties = int(speaker.max()) + 1
        party_dim = self.party_cell.hidden_size
        # unbind, not an index in the loop: the gradient of an index is a zero tensor of full size per step.
        global_inputs, global_weight = self._split_cell(self.global_cell, sequence)
        party_inputs, party_weight = self._split_cell(self.party_cell, sequence)
        listener_inputs: tuple[Tensor, ...] = ()
        listener_weight = party_weight
        if self.listener_cell is not None:
            listener_inputs, listener_weight = self._split_cell(self.listener_cell, sequence)
        projected: Tensor = self.query(sequence)
        queries = projected.unsqueeze(-1).unbind(1)
        # A further party, which nobody reads, takes what padding would write.
        writer = torch.where(speaker < 0, parties, speaker)
        reads = speaker.clamp(min=0)[:, :, None, None].expand(-1, -1, 1, party_dim).unbind(1)
        writes = writer[:, :, None, None].expand(-1, -1, 1, party_dim).unbind(1)

        state = sequence.new_zeros(batch, self.global_cell.hidden_size)
        context = torch.zeros_like(state)
        everyone = sequence.new_zeros(batch, parties + 1, party_dim)
        history: list[Tensor] = []
        spoken: list[Tensor] = []
        for step in range(steps):
            before = everyone.gather(1, reads[step]).squeeze(1)
            if history:
                recent = history if self.window_past is None else history[-self.window_past :]
                past = torch.stack(recent, dim=1)
                share = torch.softmax(past @ queries[step].to(past.dtype), dim=1)
                context = (share.transpose(1, 2) @ past).squeeze(1)
            state = self.dropout(
                _gru_step(self.global_cell, global_inputs[step] + F.linear(before, global_weight), state)
            )
            after: Tensor = self.dropout(
                _gru_step(self.party_cell, party_inputs[step] + F.linear(context, party_weight), before)
            )
            if self.listener_cell is not None:
                heard = listener_inputs[step] + F.linear(after, listener_weight)
                everyone = self.dropout(_gru_step(self.listener_cell, heard.unsqueeze(1), everyone))
            everyone = everyone.scatter(1, writes[step], after.unsqueeze(1).to(everyone.dtype))
            history.append(state)
            spoken.append(everyone.gather(1, reads[step]).squeeze(1))
        emotion: Tensor = self.dropout(self.emotion(torch.stack(spoken, dim=1))[0])
        return emotion

    def advance(
        self, features: Tensor, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One step for one conversation, without dropout.

        ``state`` holds g (t, global_dim), q of every party (P + 1, party_dim) and e. Its last party is
        one who has not spoken yet: whoever joins has listened until then.
        """
        past = state.get("global", features.new_zeros(0, self.global_cell.hidden_size))
        parties = state.get("party", features.new_zeros(1, self.party_cell.hidden_size))
        if speaker + 1 >= len(parties):
            parties = torch.cat([parties, parties[-1:].expand(speaker + 2 - len(parties), -1)])
        before = parties[speaker : speaker + 1]
        context = features.new_zeros(1, self.global_cell.hidden_size)
        if len(past):
            query: Tensor = self.query(features)
            context = torch.softmax(query @ past.T, dim=1) @ past
        latest = past[-1:] if len(past) else context
        new: Tensor = self.global_cell(torch.cat([features, before], dim=1), latest)
        after: Tensor = self.party_cell(torch.cat([features, context], dim=1), before)
        if self.listener_cell is not None:
            heard = torch.cat([features, after], dim=1).expand(len(parties), -1)
            listening: Tensor = self.listener_cell(heard, parties)
            parties = listening
        row = torch.arange(len(parties), device=features.device).unsqueeze(1) == speaker
        parties = torch.where(row, after, parties)
        emotion, last = self.emotion(after, state.get("emotion"))
        kept = join_turns(past, new, keep=self.window_past)
        return emotion, {"global": kept, "party": parties, "emotion": last}

    def _split_cell(self, cell: nn.GRUCell, sequence: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What ``cell`` adds for the utterance at every step, and its weight for the other input."""
        from_utterance, from_state = cell.weight_ih[:, : self.in_dim], cell.weight_ih[:, self.in_dim :]
        return F.linear(sequence, from_utterance, cell.bias_ih).unbind(1), from_state


def _gru_step(cell: nn.GRUCell, from_input: Tensor, hidden: Tensor) -> Tensor:
    """One step of ``cell`` whose input side ``from_input`` (..., 3 D) is already multiplied out."""
    input_reset, input_update, input_new = from_input.chunk(3, dim=-1)
    reset, update, new = F.linear(hidden, cell.weight_hh, cell.bias_hh).chunk(3, dim=-1)
    update = torch.sigmoid(input_update + update)
    candidate = torch.tanh(input_new + torch.sigmoid(input_reset + reset) * new)
    return candidate + update * (hidden - candidate)
