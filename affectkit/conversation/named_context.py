"""Context models by name, for tasks that are built from plain values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias, TypeVar

from affectkit.conversation.bc_lstm import BcLSTM
from affectkit.conversation.dialogue_gcn import DialogueGCN
from affectkit.conversation.dialogue_rnn import DialogueRNN
from affectkit.conversation.m2fnet import M2FNet
from affectkit.conversation.mmgcn import MMGCN
from affectkit.conversation.transformer_context import TransformerContext
from affectkit.types import Context, ModalityContext

# A model has its row here and its name in the Literal, so that the command line knows it.
ContextName: TypeAlias = Literal["bc_lstm", "dialogue_gcn", "dialogue_rnn", "m2fnet", "mmgcn", "transformer"]
# In this order: the command line takes the first that fits, and text fits everything.
ContextOption: TypeAlias = bool | int | float | None | str  # noqa: RUF036
ModelT = TypeVar("ModelT")

#: Models of fused utterances: built as ``CLASS(in_dim, hidden_dim, **options)``.
CONTEXTS: Final[Mapping[str, Callable[..., Context]]] = {
    "bc_lstm": BcLSTM,
    "dialogue_gcn": DialogueGCN,
    "dialogue_rnn": DialogueRNN,
    "transformer": TransformerContext,
}
#: Models that want the modalities apart: built as ``CLASS(in_dims, hidden_dim, **options)``.
MODALITY_CONTEXTS: Final[Mapping[str, Callable[..., ModalityContext]]] = {
    "m2fnet": M2FNet,
    "mmgcn": MMGCN,
}


def named_context(
    name: str,
    in_dim: int,
    hidden_dim: int,
    *,
    dropout: float = 0.0,
    context: Literal["past", "both"] = "past",
    options: Mapping[str, ContextOption] | None = None,
) -> Context:
    """Build a model of fused utterances by its name.

    Args:
        name: One of ``CONTEXTS``: the class's name in small letters, see `affectkit list --kind context`.
        in_dim: Width of the utterances.
        hidden_dim: Width of the model; its ``out_dim`` says what comes out.
        dropout: Dropout of the model.
        context: Whether it may look ahead.
        options: Further arguments of the class, which win over the others.

    Raises:
        ValueError: If the name or an option is unknown, or a value is wrong.

    Examples:
        >>> model = named_context("bc_lstm", 8, 4, options={"cell": "gru"})
        >>> type(model).__name__, model.out_dim
        ('BcLSTM', 4)
    """
    shared: dict[str, ContextOption] = {"dropout": dropout, "context": context}
    return _build(CONTEXTS, name, in_dim, hidden_dim, shared, options or {})


def named_modality_context(
    name: str,
    in_dims: Mapping[str, int],
    hidden_dim: int,
    *,
    dropout: float = 0.0,
    context: Literal["past", "both"] = "past",
    options: Mapping[str, ContextOption] | None = None,
) -> ModalityContext:
    """Build a model that wants the modalities apart by its name.

    Args:
        name: One of ``MODALITY_CONTEXTS``.
        in_dims: Width of each modality.
        hidden_dim: Width of the model; its ``out_dim`` says what comes out.
        dropout: Dropout of the model.
        context: Whether it may look ahead.
        options: Further arguments of the class, which win over the others.

    Raises:
        ValueError: If the name or an option is unknown, or a value is wrong.
    """
    shared: dict[str, ContextOption] = {"dropout": dropout, "context": context}
    return _build(MODALITY_CONTEXTS, name, in_dims, hidden_dim, shared, options or {})


def _build(
    table: Mapping[str, Callable[..., ModelT]],
    name: str,
    width: int | Mapping[str, int],
    hidden_dim: int,
    shared: Mapping[str, ContextOption],
    options: Mapping[str, ContextOption],
) -> ModelT:
    if name not in table:
        raise ValueError(f"There is no such context model {name!r}: the names are {', '.join(table)}.")
    kind = table[name]
    known = list(inspect.signature(kind).parameters)[1:]
    wrong = sorted(set(options) - set(known))
    if wrong:
        raise ValueError(f"The context model {name!r} has no option {wrong[0]!r}: it has {', '.join(known)}.")
    values = {key: value for key, value in shared.items() if key in known}
    return kind(width, **{"hidden_dim": hidden_dim, **values, **options})
