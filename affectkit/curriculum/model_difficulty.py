"""Difficulty by what the model itself makes of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from affectkit.functional import ClassSums


@runtime_checkable
class ModelDifficulty(Protocol):
    """A difficulty that is measured anew before each epoch, from embeddings of the model in training.

    A task goes through the training split without changing anything, sums over ranks what
    :meth:`sums` gives, and takes :meth:`of_rows` of each labelled row; a conversation is as hard as its
    utterances are on average.
    """

    def of_record(self, record: Mapping[str, object]) -> float:
        """Difficulty before the model was asked, from the record alone."""
        ...

    def sums(self, embedding: Tensor, label: Tensor, *, num_classes: int) -> ClassSums:
        """What is added up over all rows: of embeddings (N, D) and labels (N,)."""
        ...

    def of_rows(self, embedding: Tensor, label: Tensor, sums: ClassSums) -> Tensor:
        """Difficulty (N,) of each row, given the sums over all."""
        ...
