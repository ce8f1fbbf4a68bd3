"""Who is in which group of an audience, read from coded attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

#: Rows about everybody, and rows about one group of people: the two protocols of SRI-ADV.
EVERYBODY, ONE_GROUP = "p1", "p2"


def audience_groups(vocabulary: Mapping[str, Sequence[str]], *, total: str | None) -> list[str]:
    """Names of the groups that scores are given for, in order.

    Args:
        vocabulary: Values of each attribute.
        total: The value that stands for everybody; it needs to be one of each attribute's values for
            rows to be told apart by protocol.

    Examples:
        >>> audience_groups({"gender": ["all", "male"]}, total="all")
        ['p1', 'p2', 'gender=all', 'gender=male']
    """
    protocols = [EVERYBODY, ONE_GROUP] if _has_total(vocabulary, total) else []
    return [*protocols, *(f"{name}={value}" for name, values in vocabulary.items() for value in values)]


def group_masks(
    coded: Tensor, vocabulary: Mapping[str, Sequence[str]], *, total: str | None
) -> Iterator[tuple[str, Tensor]]:
    """Name and rows (N,) bool of each of :func:`audience_groups`.

    Args:
        coded: Coded attributes (N, sum of values), in the order of ``vocabulary``.
        vocabulary: Values of each attribute.
        total: The value that stands for everybody.
    """
    columns = coded.unbind(1)
    named = [(name, value) for name, values in vocabulary.items() for value in values]
    if _has_total(vocabulary, total):
        parts = torch.split(coded, [len(values) for values in vocabulary.values()], dim=1)
        # A row of which an attribute is not known is about neither.
        known = torch.stack([(part > 0).any(1) for part in parts]).all(0)
        everybody = torch.stack(
            [column > 0 for column, (_, value) in zip(columns, named, strict=True) if value == total]
        ).all(0)
        yield EVERYBODY, everybody
        yield ONE_GROUP, known & ~everybody
    for column, (name, value) in zip(columns, named, strict=True):
        yield f"{name}={value}", column > 0


def _has_total(vocabulary: Mapping[str, Sequence[str]], total: str | None) -> bool:
    return bool(vocabulary) and all(total in values for values in vocabulary.values())
