"""A row of the catalogue."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal[
    "adapter",
    "calibration",
    "context",
    "curriculum",
    "difficulty",
    "encoder",
    "extractor",
    "fusion",
    "graph",
    "head",
    "hook",
    "loss",
    "metric",
    "pacing",
    "prompt",
    "prototype",
    "retrieval",
    "schedule",
    "scorer",
    "task",
    "teacher",
    "temporal",
    "transform",
    "weighting",
]

#: ``verified``: reproduces stored numbers of a reference implementation. ``tested``: equals an
#: independent, naive form of its formula. ``rebuilt``: made from a description, without numbers to compare.
Status = Literal["verified", "tested", "rebuilt"]


class Component(NamedTuple):
    """One row of the catalogue.

    Args:
        name: Class name, unique.
        path: Dotted path that imports it.
        kind: What it is used as.
        modalities: What it reads; empty = features of any modality.
        paper: Where the mechanism is from, or None.
        extra: The affectkit extra that it needs, or None.
        status: How it was checked.
        aliases: Further names that people look for, e.g. a paper's.
    """

    name: str
    path: str
    kind: Kind
    modalities: tuple[str, ...] = ()
    paper: str | None = None
    extra: str | None = None
    status: Status = "tested"
    aliases: tuple[str, ...] = ()
