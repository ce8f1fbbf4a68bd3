"""Conversation models as one would write them at first: one turn after the other.

Each gives what the model of affectkit gives, in evaluation, with the weights of that model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias, cast

import torch
from torch import Tensor, nn

from affectkit.conversation import (
    CONTEXTS,
    BcLSTM,
    DialogueRNN,
    advance_context,
    advance_fusion,
    named_context,
    named_modality_context,
)
from affectkit.conversation.party_recurrence import PartyRecurrence
from affectkit.types import Context, Encoding, ModalityContext

MODALITIES: Final = ("audio", "text", "visual")
State: TypeAlias = dict[str, Tensor]


class Talk(NamedTuple):
    """Conversations of one length: features of each modality (B, U, D) and speakers (B, U)."""

    parts: dict[str, Tensor]
    speaker: Tensor


class Model(NamedTuple):
    """A named model, whatever it reads."""

    name: str
    module: nn.Module
    fused: bool

    def whole(self, talk: Talk) -> Tensor:
        """All turns of all conversations at once."""
        mask = torch.ones_like(talk.speaker, dtype=torch.bool)
        if self.fused:
            context = cast(Context, self.module)
            return context(Encoding(talk.parts["text"], mask=mask), talk.speaker).pooled
        given = {name: Encoding(part, mask=mask) for name, part in talk.parts.items()}
        return cast(ModalityContext, self.module)(given, None, talk.speaker).pooled

    def turn(self, talk: Talk, place: int, state: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """One turn of the only conversation of ``talk``."""
        who = int(talk.speaker[0, place])
        if self.fused:
            return advance_context(cast(Context, self.module), talk.parts["text"][:, place], who, state)
        rows = {name: part[:, place] for name, part in talk.parts.items()}
        there = dict.fromkeys(rows, True)
        return advance_fusion(cast(ModalityContext, self.module), rows, there, who, state)

    def again(self, talk: Talk, place: int) -> Tensor:
        """The same turn by running everything up to it."""
        until = Talk(
            {name: part[:, : place + 1] for name, part in talk.parts.items()}, talk.speaker[:, : place + 1]
        )
        return self.whole(until)[:, -1]


def build(
    label: str, name: str, options: Mapping[str, int | bool | str], *, width: int, dtype: torch.dtype
) -> Model:
    """A model with random weights, past-only and without dropout."""
    torch.manual_seed(0)
    module: object
    if name in CONTEXTS:
        module = named_context(name, width, width, dropout=0.0, options=options)
    else:
        widths = dict.fromkeys(MODALITIES, width)
        module = named_modality_context(name, widths, width, dropout=0.0, options=options)
    return Model(label, cast(nn.Module, module).eval().to(dtype), name in CONTEXTS)


def talk_of(size: int, turns: int, *, width: int, device: torch.device, dtype: torch.dtype) -> Talk:
    """Made-up conversations of two, numbered by who spoke first."""
    generator = torch.Generator().manual_seed(turns)
    parts = {
        name: torch.randn(size, turns, width, generator=generator, dtype=torch.float64).to(device, dtype)
        for name in MODALITIES
    }
    other = torch.randint(0, 2, (size, turns), generator=generator)
    other[:, 0] = 0
    return Talk(parts, other.to(device))


def _weights(layer: nn.RNNBase) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    named = dict(layer.named_parameters())
    first, second, third, fourth = (
        named[f"{kind}_l0"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return first, second, third, fourth


def _lstm_loop(model: Model, talk: Talk) -> Tensor:
    sequence = talk.parts["text"]
    for layer in cast(BcLSTM, model.module).ahead:
        assert isinstance(layer, nn.LSTM)
        weights = _weights(layer)
        hidden = cell = sequence.new_zeros(len(sequence), layer.hidden_size)
        steps = []
        for turn in range(sequence.shape[1]):
            hidden, cell = torch.lstm_cell(sequence[:, turn], (hidden, cell), *weights)
            steps.append(hidden)
        sequence = torch.stack(steps, dim=1)
    return sequence


def _party_loop(model: Model, talk: Talk) -> Tensor:
    """As the public implementations: every party in one tensor, the speaker picked by a one-hot mask."""
    part = cast(PartyRecurrence, cast(DialogueRNN, model.module).directions[0])
    sequence = talk.parts["text"]
    one_hot = nn.functional.one_hot(talk.speaker, 2).to(sequence.dtype)
    size = len(sequence)
    party = sequence.new_zeros(size, 2, part.party_cell.hidden_size)
    state = sequence.new_zeros(size, part.global_cell.hidden_size)
    emotion = sequence.new_zeros(size, part.emotion.hidden_size)
    weights = _weights(part.emotion)
    history: list[Tensor] = []
    steps: list[Tensor] = []
    for turn in range(sequence.shape[1]):
        utterance, picked = sequence[:, turn], one_hot[:, turn].unsqueeze(-1)
        before = (party * picked).sum(1)
        context = torch.zeros_like(state)
        if history:
            past = torch.stack(history[-part.window_past :] if part.window_past else history, dim=1)
            share = torch.softmax((part.query(utterance).unsqueeze(1) * past).sum(-1), dim=1)
            context = (share.unsqueeze(-1) * past).sum(1)
        state = part.global_cell(torch.cat([utterance, before], dim=1), state)
        # Public code runs the cell for every party and keeps the speaker's result.
        joined = torch.cat([utterance, context], dim=1).unsqueeze(1).expand(-1, 2, -1).flatten(0, 1)
        after = part.party_cell(joined, party.flatten(0, 1)).view_as(party)
        party = party * (1 - picked) + after * picked
        emotion = torch.gru_cell((party * picked).sum(1), emotion, *weights)
        history.append(state)
        steps.append(emotion)
    return torch.stack(steps, dim=1)


def _one_by_one(model: Model, talk: Talk) -> Tensor:
    """Each conversation by itself, turn after turn from what was kept of those before."""
    rows: list[Tensor] = []
    for row in range(len(talk.speaker)):
        alone = Talk(
            {name: part[row : row + 1] for name, part in talk.parts.items()}, talk.speaker[row : row + 1]
        )
        state: State = {}
        steps: list[Tensor] = []
        for turn in range(talk.speaker.shape[1]):
            found, state = model.turn(alone, turn, state)
            steps.append(found)
        rows.append(torch.stack(steps, dim=1))
    return torch.cat(rows)


def loop_of(model: Model) -> tuple[str, Callable[[Model, Talk], Tensor]]:
    """The straightforward way, and what it is."""
    if isinstance(model.module, BcLSTM):
        return "a cell, turn by turn", _lstm_loop
    if isinstance(model.module, DialogueRNN):
        return "cells, turn by turn", _party_loop
    return "one turn of one conversation after the other", _one_by_one
