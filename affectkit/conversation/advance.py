"""One turn of a talk that is going on, for any model that reads no future."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from affectkit.conversation.streaming import (
    StreamingContext,
    StreamingFusion,
    join_turns,
    part_of_state,
    reads_speakers,
    refuse_future,
)
from affectkit.types import Context, Encoding, Fusion, ModalityContext


def advance_context(
    model: Context, features: Tensor, speaker: int, state: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add a turn to a conversation; see :class:`~affectkit.conversation.StreamingContext`.

    A model that cannot go on from a state, but says that it looks back alone (``context == "past"``), is run
    over all turns so far: the result is the same, and a turn costs more the later it comes.

    Args:
        model: The context model, in evaluation.
        features: (1, D) of the turn.
        speaker: Who speaks, numbered from 0 by who spoke first.
        state: As returned for the turn before, empty for the first one.

    Raises:
        ValueError: If the model looks ahead, or does not say whether it does.

    Examples:
        >>> from affectkit.conversation import BcLSTM
        >>> model, state = BcLSTM(4, 2).eval(), {}
        >>> for turn in torch.zeros(3, 1, 4):
        ...     emotion, state = advance_context(model, turn, 0, state)
        >>> emotion.shape, sorted(state)
        (torch.Size([1, 2]), ['cell.0', 'hidden.0'])
    """
    if isinstance(model, StreamingContext):
        return model.advance(features, speaker, state)
    refuse_future(model, getattr(model, "context", "unknown"))
    turns = join_turns(state.get("turns"), features)
    who = join_turns(state.get("speaker"), torch.full((1,), speaker, device=features.device))
    mask = torch.ones(1, len(turns), dtype=torch.bool, device=features.device)
    result = model(Encoding(turns.unsqueeze(0), mask=mask), who.unsqueeze(0))
    return result.pooled[:, -1], {"turns": turns, "speaker": who}


def advance_fusion(
    model: Fusion | ModalityContext,
    parts: Mapping[str, Tensor],
    present: Mapping[str, bool],
    speaker: int,
    state: Mapping[str, Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add a turn to a fusion; see :class:`~affectkit.conversation.StreamingFusion`.

    A fusion without an attribute ``context`` is taken to look at each turn by itself. One that has it and
    cannot go on from a state is run over all turns so far.

    Args:
        model: The fusion or the model that wants the modalities apart, in evaluation.
        parts: (1, D_m) of each modality.
        present: Which modalities the turn has.
        speaker: Who speaks, numbered from 0 by who spoke first.
        state: As returned for the turn before, empty for the first one.

    Raises:
        ValueError: If the model looks ahead, or does not say whether it does.
    """
    if isinstance(model, StreamingFusion):
        return model.advance_parts(parts, present, speaker, state)
    device = next(iter(parts.values())).device
    flags = {name: torch.tensor([there], device=device) for name, there in present.items()}
    looks: str | None = getattr(model, "context", None)
    if looks is None:
        fused = model({name: Encoding(part) for name, part in parts.items()}, flags)
        return fused.pooled, {}
    refuse_future(model, looks)
    turns = {name: join_turns(part_of_state(state, "turns.").get(name), part) for name, part in parts.items()}
    there = {
        name: join_turns(part_of_state(state, "present.").get(name), flag) for name, flag in flags.items()
    }
    who = join_turns(state.get("speaker"), torch.full((1,), speaker, device=device))
    mask = torch.ones(1, len(who), dtype=torch.bool, device=device)
    given = {name: Encoding(rows.unsqueeze(0), mask=mask) for name, rows in turns.items()}
    known = {name: rows.unsqueeze(0) for name, rows in there.items()}
    if reads_speakers(model):
        result = cast(ModalityContext, model)(given, known, who.unsqueeze(0))
    else:
        result = model(given, known)
    after = {f"turns.{name}": rows for name, rows in turns.items()}
    after.update({f"present.{name}": rows for name, rows in there.items()})
    return result.pooled[:, -1], {**after, "speaker": who}
