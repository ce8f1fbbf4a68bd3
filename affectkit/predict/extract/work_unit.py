"""The pieces in which a data set is encoded, each of which is either done or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class WorkUnit(NamedTuple):
    """A run of neighbouring samples of one split.

    Attributes:
        split: The split.
        start: Position of the first sample.
        stop: Position after the last sample.
    """

    split: str
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Name of the unit, unique within a data set."""
        return f"{self.split}-{self.start:09d}-{self.stop:09d}"


def plan_units(sizes: Mapping[str, int], unit_samples: int) -> list[WorkUnit]:
    """Cut every split into units; the cut depends on the sizes only, never on who does the work.

    Args:
        sizes: Samples by split.
        unit_samples: Samples of a unit; the last one of a split may be shorter.

    Examples:
        >>> [unit.name for unit in plan_units({"val": 3}, 2)]
        ['val-000000000-000000002', 'val-000000002-000000003']
    """
    return [
        WorkUnit(split, start, min(start + unit_samples, size))
        for split, size in sizes.items()
        for start in range(0, size, unit_samples)
    ]
