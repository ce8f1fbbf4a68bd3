"""Which columns a table of predictions has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Final, NamedTuple

_BEFORE: Final = ("path", "part", "start", "stop", "text", "label", "labels")
_AFTER: Final = ("top", "entropy", "scaling", "region", "model", "data", "error")
#: Columns that only some kinds of files or models have: left out where no row has any.
_RARE: Final = ("part", "start", "stop", "text", "labels", "scaling")
_NUMBERS: Final = ("start", "stop", "top", "entropy")


class TableColumns(NamedTuple):
    """The columns that the rows of one model need.

    Attributes:
        labels: Labels, each of which has a probability.
        values: Names of predicted values.
        rare: Which of ``part``, ``start``, ``stop``, ``text``, ``labels`` and ``scaling`` some row has.
    """

    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()

    @classmethod
    def of_rows(cls, rows: Iterable[dict[str, object]]) -> TableColumns:
        """Look through all rows, which are read once."""
        return reduce(cls.including, rows, cls())

    def including(self, row: dict[str, object]) -> TableColumns:
        """The columns that these rows and one more need."""
        labels = self.labels or _names(row["probabilities"])
        values = self.values or _names(row["values"])
        rare = tuple(name for name in _RARE if name in self.rare or row[name] not in (None, ""))
        same = (labels, values, rare) == (self.labels, self.values, self.rare)
        return self if same else TableColumns(labels, values, rare)

    @property
    def names(self) -> list[str]:
        """Names of the columns, in their order."""
        before = [name for name in _BEFORE if name not in _RARE or name in self.rare]
        after = [name for name in _AFTER if name not in _RARE or name in self.rare]
        return [*before, *(f"p_{label}" for label in self.labels), *self.values, *after]

    @property
    def numbers(self) -> set[str]:
        """Columns that hold numbers."""
        return {*_NUMBERS, *(f"p_{label}" for label in self.labels), *self.values}

    def reader(self) -> Callable[[dict[str, object]], list[object]]:
        """What gives the cells of a row, None where it has nothing; the names are put together once."""
        names = self.names

        def cells(row: dict[str, object]) -> list[object]:
            flat = {
                **row,
                "labels": ";".join(_listed(row["labels"])) if row["labels"] is not None else None,
                **{f"p_{name}": value for name, value in _items(row["probabilities"])},
                **dict(_items(row["values"])),
            }
            return [flat.get(name) for name in names]

        return cells


def _names(values: object) -> tuple[str, ...]:
    return tuple(name for name, _ in _items(values))


def _items(values: object) -> Sequence[tuple[str, object]]:
    return list(values.items()) if isinstance(values, dict) else []


def _listed(labels: object) -> list[str]:
    return [str(label) for label in labels] if isinstance(labels, list) else []
