"""What an audit remembers of each thing it has seen: a few dozen bytes, whatever its size."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]

_MOST_WORDS: Final = 255


class Unit(NamedTuple):
    """One thing that can be a duplicate: a text, a picture, a sound, a row of features.

    ``turn`` is the utterance it belongs to, or -1 for the whole sample. ``content`` is a digest of 16
    bytes. ``sketch`` holds the numbers by which near duplicates are found, where the kind has any.
    """

    kind: str
    turn: int
    content: bytes
    sketch: tuple[int, ...] = ()
    words: int = 0


class Owner(NamedTuple):
    """The sample or utterance that a unit belongs to: where it is, and what it is labelled.

    ``place`` numbers the splits of all data sets, ``label`` is a digest (0 = not labelled), and
    ``dims`` are shares of the scale's range (NaN = not rated) for every axis of the audit.
    """

    place: int
    position: int
    label: int = 0
    dims: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Units:
    """The columns of a :class:`UnitTable`, in the order of reading; each is (N,) or (N, K)."""

    kind: str
    place: NDArray[np.uint16]
    position: NDArray[np.uint32]
    turn: NDArray[np.int32]
    content: NDArray[np.uint64]
    label: NDArray[np.uint64]
    dims: NDArray[np.float32]
    sketch: NDArray[np.uint64] | NDArray[np.uint32]
    words: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.place)

    @property
    def nbytes(self) -> int:
        """Bytes of memory of all columns."""
        columns = (self.place, self.position, self.turn, self.content, self.label, self.dims, self.sketch)
        return sum(column.nbytes for column in columns) + self.words.nbytes


class UnitTable:
    """Grows by one row a unit, without a Python object for any of them.

    Args:
        kind: What the units are.
        sketch: How many numbers a sketch has: 0, 1 of 64 bits, or several of 32.
        axes: How many affect dimensions the audit has.
    """

    def __init__(self, kind: str, *, sketch: int = 0, axes: int = 0) -> None:
        self.kind = kind
        self._sketch_size = sketch
        self._axes = axes
        self._place = array("H")
        self._position = array("I")
        self._turn = array("i")
        self._content = bytearray()
        self._label = array("Q")
        self._dims = array("f")
        self._sketch = array("Q" if sketch == 1 else "I")
        self._words = array("B")

    def __len__(self) -> int:
        return len(self._place)

    def add(self, unit: Unit, owner: Owner) -> None:
        """Append one row."""
        self._place.append(owner.place)
        self._position.append(owner.position)
        self._turn.append(unit.turn)
        self._content += unit.content
        self._label.append(owner.label)
        self._dims.extend(owner.dims)
        self._sketch.extend(unit.sketch)
        self._words.append(min(unit.words, _MOST_WORDS))

    def columns(self) -> Units:
        """The rows so far, not copied; nothing may be added while they are in use."""
        return Units(
            kind=self.kind,
            place=np.frombuffer(self._place, dtype=np.uint16),
            position=np.frombuffer(self._position, dtype=np.uint32),
            turn=np.frombuffer(self._turn, dtype=np.int32),
            content=np.frombuffer(self._content, dtype="<u8").reshape(-1, 2),
            label=np.frombuffer(self._label, dtype=np.uint64),
            dims=np.frombuffer(self._dims, dtype=np.float32).reshape(len(self), self._axes),
            sketch=self._sketches(),
            words=np.frombuffer(self._words, dtype=np.uint8),
        )

    def _sketches(self) -> NDArray[np.uint64] | NDArray[np.uint32]:
        shape = (len(self), self._sketch_size)
        if self._sketch_size == 1:
            return np.frombuffer(self._sketch, dtype=np.uint64).reshape(shape)
        return np.frombuffer(self._sketch, dtype=np.uint32).reshape(shape)


class Groups(NamedTuple):
    """Rows that are equal: ``rows[starts[i] : starts[i] + sizes[i]]``, each group ascending.

    Groups stand in the order of their first rows.
    """

    rows: Numbers
    starts: Numbers
    sizes: Numbers

    def __len__(self) -> int:
        return len(self.starts)

    def group(self, number: int) -> list[int]:
        """The rows of one group."""
        start = int(self.starts[number])
        return [int(row) for row in self.rows[start : start + int(self.sizes[number])]]


def group_equal(columns: Sequence[NDArray[np.uint64]]) -> Groups:
    """Group rows that are equal in every column; a row that equals no other is a group of one.

    Examples:
        >>> groups = group_equal([np.array([5, 9, 5, 2], dtype=np.uint64)])
        >>> [groups.group(number) for number in range(len(groups))]
        [[0, 2], [1], [3]]
    """
    order = np.lexsort(tuple(columns)).astype(np.int64)
    if not len(order):
        return Groups(order, order, order)
    changes = np.zeros(len(order), dtype=np.bool_)
    changes[0] = True
    for column in columns:
        ordered = column[order]
        changes[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(changes).astype(np.int64)
    sizes = np.diff(starts, append=len(order)).astype(np.int64)
    by_first = np.argsort(order[starts], kind="stable")
    return Groups(order, starts[by_first], sizes[by_first])
