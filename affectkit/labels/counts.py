"""How many samples of each class the authors of a data set report, for checking a copy of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from affectkit.labels.errors import UnknownLabelError, near
from affectkit.labels.mapping import ABSENT
from affectkit.labels.reconcile import reconcile
from affectkit.labels.registry import label_space
from affectkit.labels.space import LabelSpace


@dataclass(frozen=True)
class PublishedCounts:
    """Class counts of one data set, split by split.

    Args:
        dataset: Name of the data set, e.g. ``"meld"``.
        space: The label space whose order the counts follow.
        splits: Split (train, val, test) -> one count for each label.
        source: Where the counts were read.

    Raises:
        ValueError: If a split has another number of counts than the space has labels.
    """

    dataset: str
    space: LabelSpace
    splits: Mapping[str, tuple[int, ...]]
    source: str

    def __post_init__(self) -> None:
        for split, counts in self.splits.items():
            if len(counts) != len(self.space):
                raise ValueError(
                    f"{self.dataset} {split} has {len(counts)} counts for the {len(self.space)} labels of "
                    f"{self.space.name!r}: give one count a label."
                )

    def in_order(self, space: LabelSpace, *, merge: Mapping[str, str] | None = None) -> dict[str, list[int]]:
        """Return the counts in the order of another space; merged labels are added up.

        Raises:
            LabelSpaceMismatchError: If the labels differ and ``merge`` does not say what becomes of them.

        Examples:
            >>> published_counts("meld").in_order(label_space("meld7.merbench"))["val"]
            [153, 163, 111, 470, 22, 40, 150]
        """
        table = reconcile(self.space, space, merge=merge).table
        result = {split: [0] * len(space) for split in self.splits}
        for split, counts in self.splits.items():
            for index, count in zip(table, counts, strict=True):
                if index != ABSENT:
                    result[split][index] += count
        return result


_PUBLISHED = MappingProxyType(
    {
        "meld": PublishedCounts(
            dataset="meld",
            space=label_space("meld7.official"),
            splits=MappingProxyType(
                {
                    "train": (4710, 1205, 268, 683, 1743, 271, 1109),
                    "val": (470, 150, 40, 111, 163, 22, 153),
                    "test": (1256, 281, 50, 208, 402, 68, 345),
                }
            ),
            source="declare-lab/MELD:README.md",
        ),
    }
)


def published_counts(dataset: str) -> PublishedCounts:
    """Return the class counts that are published for a data set.

    Raises:
        UnknownLabelError: If no counts are on record for it.

    Examples:
        >>> sum(published_counts("meld").splits["train"])
        9989
    """
    found = _PUBLISHED.get(dataset)
    if found is None:
        raise UnknownLabelError(
            f"No published class counts are on record for {dataset!r}: "
            f"{near(dataset, {known: known for known in _PUBLISHED})}."
        )
    return found
