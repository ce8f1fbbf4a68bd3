"""What a model does where its modalities, each by itself, say different things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


class ConflictReport(NamedTuple):
    """Accuracy by whether the modalities agree.

    A row counts where it has a label and at least two modalities. What a modality says by itself is
    the prediction of the same model with all others hidden. Shares of no rows are None.

    Attributes:
        rows: Rows that count.
        conflicts: Rows in which two modalities by themselves say different things.
        accuracy_agree: Accuracy of the model, with everything, where they agree.
        accuracy_conflict: The same where they do not.
        alone: Accuracy of each modality by itself where they do not agree and the row has it.
        followed: Share of these rows in which the model says what the modality says by itself.
    """

    rows: int
    conflicts: int
    accuracy_agree: float | None
    accuracy_conflict: float | None
    alone: dict[str, float | None]
    followed: dict[str, float | None]

    @property
    def gap(self) -> float | None:
        """By how much the model is better where modalities agree."""
        if self.accuracy_agree is None or self.accuracy_conflict is None:
            return None
        return self.accuracy_agree - self.accuracy_conflict


class ConflictCounts:
    """Counts over batches.

    Args:
        names: The modalities.

    Examples:
        >>> counts = ConflictCounts(["audio", "text"])
        >>> says = {"audio": torch.tensor([0, 1]), "text": torch.tensor([0, 0])}
        >>> there = {name: torch.tensor([True, True]) for name in says}
        >>> counts.update(torch.tensor([0, 0]), says, present=there, label=torch.tensor([0, 0]))
        >>> report = counts.compute()
        >>> report.conflicts, report.accuracy_conflict, report.followed
        (1, 1.0, {'audio': 0.0, 'text': 1.0})
    """

    def __init__(self, names: list[str]) -> None:
        self._names = sorted(names)
        self._agree = [0, 0]  # right, rows
        self._conflict = [0, 0]
        self._alone = {name: [0, 0] for name in self._names}
        self._followed = {name: [0, 0] for name in self._names}

    def update(
        self,
        together: Tensor,
        alone: Mapping[str, Tensor],
        *,
        present: Mapping[str, Tensor],
        label: Tensor,
        weight: Tensor | None = None,
    ) -> None:
        """Add a batch.

        Args:
            together: What the model says with everything.
            alone: What it says with one modality, by its name.
            present: Which rows have which modality.
            label: True labels, -100 where unknown.
            weight: Rows of weight 0 do not count.

        Shape:
            All (B,) or (B, U).
        """
        says = torch.stack([alone[name] for name in self._names], dim=-1)
        there = torch.stack([present[name] for name in self._names], dim=-1)
        counts = (label != IGNORE_LABEL) & (there.sum(dim=-1) > 1)
        if weight is not None:
            counts = counts & (weight > 0)
        highest = says.masked_fill(~there, -1).amax(dim=-1)
        lowest = says.masked_fill(~there, torch.iinfo(says.dtype).max).amin(dim=-1)
        conflict = counts & (highest != lowest)
        right = together == label
        _count(self._agree, right, counts & ~conflict)
        _count(self._conflict, right, conflict)
        for index, name in enumerate(self._names):
            rows = conflict & there[..., index]
            _count(self._alone[name], says[..., index] == label, rows)
            _count(self._followed[name], says[..., index] == together, rows)

    def compute(self) -> ConflictReport:
        """The report over all batches."""
        return ConflictReport(
            rows=self._agree[1] + self._conflict[1],
            conflicts=self._conflict[1],
            accuracy_agree=_share(self._agree),
            accuracy_conflict=_share(self._conflict),
            alone={name: _share(count) for name, count in self._alone.items()},
            followed={name: _share(count) for name, count in self._followed.items()},
        )


def _count(count: list[int], yes: Tensor, rows: Tensor) -> None:
    count[0] += int((yes & rows).sum())
    count[1] += int(rows.sum())


def _share(count: list[int]) -> float | None:
    return count[0] / count[1] if count[1] else None
