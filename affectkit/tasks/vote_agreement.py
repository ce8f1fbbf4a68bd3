"""Whether data have the votes that a task learns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class KnowsVotes(Protocol):
    """A data module that says whether a split of it has votes."""

    def has_votes(self, split: str) -> bool:
        """Whether some sample of a split has votes of annotators."""
        ...


def check_votes(data: object, *, task: str) -> None:
    """Refuse to train on the votes of data without any.

    Args:
        data: The data module, or a mixture of several; others are not asked.
        task: Name of the task, for the message.

    Raises:
        ValueError: If no sample of the train split has votes.
    """
    sources: object = getattr(data, "sources", None)
    parts = list(sources.values()) if isinstance(sources, Mapping) else [data]
    known = [part for part in parts if isinstance(part, KnowsVotes)]
    if known and len(known) == len(parts) and not any(part.has_votes("train") for part in known):
        raise ValueError(
            f"{task} learns from votes, but no sample of the train split has any: use data with votes, or "
            "set objective to 'classification'."
        )
