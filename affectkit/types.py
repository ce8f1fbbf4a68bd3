"""What the parts hand to each other: results as NamedTuples, parts as Protocols.

Axis letters: B batch, U utterance, T time, M modality, C class, V affect dimension, D feature.

The Protocols declare ``forward``: torch types ``Module.__call__`` as returning ``Any``, so a
Protocol with only ``__call__`` would accept every module. ``__call__`` is declared for the type
checker alone, because at run time it would make jsonargparse reject every module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

#: A label that is absent. Losses and metrics skip it; the row stays in the batch.
IGNORE_LABEL = -100


class Encoding(NamedTuple):
    """What an encoder, a fusion or a context model emits.

    Shape:
        - pooled: (B, D), or (B, U, D) for conversations.
        - tokens: (B, T, D), or None.
        - mask: (B, T) or (B, U) bool, True = real, or None where everything is real.
    """

    pooled: Tensor
    tokens: Tensor | None = None
    mask: Tensor | None = None


class Target(NamedTuple):
    """What a batch is to be compared with. An absent target never removes a row.

    Absent means -100 in ``label``, NaN in ``dims``, ``multilabel`` and ``distribution``, and
    weight 0 for a row that is padding.

    Shape:
        - label: (B,) or (B, U) int64.
        - dims: (B, V) or (B, U, V) float, axis order from the data's affect scale.
        - distribution: (B, C) or (B, U, C) float votes.
        - multilabel: (B, C) or (B, U, C) float 0/1.
        - extra: named further targets, each aligned with ``label``.
        - weight: (B,) or (B, U) float.
    """

    label: Tensor | None = None
    dims: Tensor | None = None
    distribution: Tensor | None = None
    multilabel: Tensor | None = None
    extra: Mapping[str, Tensor] | None = None
    weight: Tensor | None = None


class AffectOutput(NamedTuple):
    """What a head emits.

    Shape:
        - logits: (B, C) or (B, U, C).
        - dims: (B, V) or (B, U, V).
        - embedding: (B, D) or (B, U, D), the features that a metric loss may need.
        - views: per-modality or teacher features by name.
        - extra: logits of further heads by name.
    """

    logits: Tensor | None = None
    dims: Tensor | None = None
    embedding: Tensor | None = None
    views: Mapping[str, Tensor] | None = None
    extra: Mapping[str, Tensor] | None = None


class LossTerms(NamedTuple):
    """A loss on this rank.

    ``total`` is a mean over rows of this rank; ``weight`` is the number it was divided by, so
    that ``total * weight`` can be summed over ranks and accumulation steps and divided once.
    """

    total: Tensor
    terms: dict[str, Tensor]
    weight: Tensor


class Encoder(Protocol):
    """Features of one modality: ``x`` (B, ...) to an :class:`Encoding`."""

    @property
    def out_dim(self) -> int:
        """Width D of the encoding."""
        ...

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ``x``; ``mask`` is True where a token is real."""
        ...

    if TYPE_CHECKING:

        def __call__(self, x: Tensor, mask: Tensor | None = None) -> Encoding: ...


class Fusion(Protocol):
    """Several modalities into one encoding; ``present`` marks which rows have which modality."""

    @property
    def out_dim(self) -> int:
        """Width D of the fused encoding."""
        ...

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; ``present[name]`` is (B,) or (B, U) bool, absent key = all present."""
        ...

    if TYPE_CHECKING:

        def __call__(
            self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None
        ) -> Encoding: ...


class Context(Protocol):
    """Utterances of a conversation, each seen in the light of the others."""

    @property
    def out_dim(self) -> int:
        """Width D of the contextual encoding."""
        ...

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        """Contextualise ``features.pooled`` (B, U, D) under ``features.mask`` (B, U).

        ``speaker`` is (B, U) int64, numbered from 0 within each conversation, -1 on padding.
        """
        ...

    if TYPE_CHECKING:

        def __call__(self, features: Encoding, speaker: Tensor | None = None) -> Encoding: ...


class ModalityContext(Protocol):
    """Utterances of a conversation from modalities that are kept apart: a fusion and a context in one.

    A :class:`Fusion` of conversations that is also told who speaks, so that it can stand where a
    fusion does. ``context`` ("past" or "both") says whether it looks ahead.
    """

    @property
    def out_dim(self) -> int:
        """Width D of the contextual encoding."""
        ...

    def forward(
        self,
        parts: Mapping[str, Encoding],
        present: Mapping[str, Tensor] | None = None,
        speaker: Tensor | None = None,
    ) -> Encoding:
        """Fuse and contextualise ``parts[m].pooled`` (B, U, D_m) under ``parts[m].mask`` (B, U).

        ``present[m]`` is (B, U) bool, an absent key = all present; ``speaker`` (B, U) int64, numbered
        from 0 within each conversation, -1 on padding. Any non-empty subset of modalities may come.
        """
        ...

    if TYPE_CHECKING:

        def __call__(
            self,
            parts: Mapping[str, Encoding],
            present: Mapping[str, Tensor] | None = None,
            speaker: Tensor | None = None,
        ) -> Encoding: ...


class Head(Protocol):
    """Features to predictions."""

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.pooled``."""
        ...

    if TYPE_CHECKING:

        def __call__(self, features: Encoding) -> AffectOutput: ...


class Loss(Protocol):
    """Everything that a task optimises."""

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare ``output`` with ``target``; rows of weight 0 and absent targets add nothing."""
        ...

    if TYPE_CHECKING:

        def __call__(self, output: AffectOutput, target: Target) -> LossTerms: ...


class Difficulty(Protocol):
    """How hard a conversation is, from its labels and speakers in order of time."""

    def __call__(self, labels: Sequence[int], speakers: Sequence[int]) -> float:
        """Return a number; larger is harder."""
        ...


@runtime_checkable
class RecordDifficulty(Protocol):
    """How hard a sample is, from its stored record: of a picture, a clip, a text or a conversation."""

    def of_record(self, record: Mapping[str, object]) -> float:
        """Return a number; larger is harder.

        ``record`` is that of the sample, with labels and votes in the order of the run. Raise
        ``ValueError`` where it has none; the message goes on after the name of the sample.
        """
        ...


class Pacing(Protocol):
    """The share of the data, easiest first, that training may draw from."""

    def __call__(self, progress: float) -> float:
        """Map training progress in [0, 1] to a share in (0, 1]."""
        ...


class Curriculum(Protocol):
    """Which samples an epoch draws from; the plan turns positions into batches."""

    def positions(self, difficulty: Sequence[float], *, epoch: int) -> Sequence[int]:
        """Positions open in ``epoch``, easiest first; the same on every rank, at least one."""
        ...
