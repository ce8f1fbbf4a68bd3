"""Context models that take one turn after the other, in talk that is still going on."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from affectkit.types import Context, Fusion, ModalityContext


@runtime_checkable
class StreamingContext(Protocol):
    """A context model that reads no future, one turn at a time.

    In evaluation, its results are those of ``forward`` over the turns so far.
    """

    def advance(
        self, features: Tensor, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Add a turn and return its encoding with the state after it.

        Args:
            features: (1, D) of the turn.
            speaker: Who speaks, numbered from 0 by who spoke first.
            state: As returned for the turn before, empty for the first one; it is not changed.

        Raises:
            ValueError: If the model was built to look ahead.
        """
        ...


@runtime_checkable
class StreamingFusion(Protocol):
    """A fusion that looks at several utterances and reads no future, one turn at a time."""

    def advance_parts(
        self,
        parts: Mapping[str, Tensor],
        present: Mapping[str, bool],
        speaker: int,
        state: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Add a turn and return its encoding with the state after it.

        Args:
            parts: (1, D_m) of each modality.
            present: Which modalities the turn has.
            speaker: Who speaks, numbered from 0 by who spoke first.
            state: As returned for the turn before, empty for the first one; it is not changed.

        Raises:
            ValueError: If the fusion was built to look ahead.
        """
        ...


def reads_speakers(model: Context | Fusion | ModalityContext) -> bool:
    """Whether a model of modalities is told who speaks, as a :class:`~affectkit.types.ModalityContext` is.

    Only the names of its arguments tell the kinds of ``forward`` apart.
    """
    names = signature(model.forward).parameters
    return "parts" in names and "speaker" in names


def refuse_future(model: object, context: str) -> None:
    """Stop a model that looks ahead from being asked before the future is there.

    Raises:
        ValueError: If ``context`` is not ``"past"``.
    """
    if context == "past":
        return
    if context != "both":
        raise ValueError(
            f"{type(model).__name__} does not say whether it looks ahead (context={context!r}): give it an "
            "attribute context of 'past' if it does not."
        )
    raise ValueError(
        f"{type(model).__name__} looks ahead (context={context!r}), so it cannot say anything before the "
        "conversation is over: train it with context='past', or give it whole conversations."
    )


def join_turns(before: Tensor | None, turn: Tensor, *, keep: int | None = None) -> Tensor:
    """Put a turn behind those before it, of which the last ``keep`` stay, itself included; None = all."""
    turns = turn if before is None else torch.cat([before, turn])
    return turns if keep is None else turns[max(0, len(turns) - keep) :]


def part_of_state(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What a part of a model keeps under ``prefix``, by the part's own names."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
