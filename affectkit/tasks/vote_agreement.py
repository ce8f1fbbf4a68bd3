"""Whether data have the votes that a task learns from, and a task learns from the votes that data have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from affectkit.heads import MultiHead


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
    if _has_votes(data) is False:
        raise ValueError(
            f"{task} learns from votes, but no sample of the train split has any: use data with votes, or "
            "set objective to 'classification'."
        )


def predicts_distribution(head: object) -> bool:
    """Whether a head says, by ``predicts_distribution``, that its logits are to be compared with votes.

    Args:
        head: The head, or several of which the main one is asked.
    """
    main = head.main if isinstance(head, MultiHead) else head
    return bool(getattr(main, "predicts_distribution", False))


def check_votes_learned(head: object, data: object, *, task: str, remedy: str) -> None:
    """Refuse to train a head of distributions on labels alone where the data have votes.

    Args:
        head: The head; one that does not predict distributions fits everything.
        data: The data module, or a mixture of several; others are not asked.
        task: Name of the task, for the message.
        remedy: What to do, for the message.

    Raises:
        ValueError: If some sample of the train split has votes.
    """
    if predicts_distribution(head) and _has_votes(data):
        main = head.main if isinstance(head, MultiHead) else head
        raise ValueError(
            f"{task} would train the head {type(main).__name__}, which predicts distributions of votes, on "
            f"labels alone, but its data have votes: {remedy}."
        )


def _has_votes(data: object) -> bool | None:
    """Whether some sample of the train split has votes; None where data do not say."""
    sources: object = getattr(data, "sources", None)
    parts = list(sources.values()) if isinstance(sources, Mapping) else [data]
    known = [part for part in parts if isinstance(part, KnowsVotes)]
    if any(part.has_votes("train") for part in known):
        return True
    return False if known and len(known) == len(parts) else None
