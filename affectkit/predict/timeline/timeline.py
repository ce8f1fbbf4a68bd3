"""Predictions of one file along its time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from affectkit.predict.prediction import Prediction

#: More curves than these cannot be told apart.
MOST: Final = 7


class Timeline(NamedTuple):
    """Curves of a file whose parts have times; parts that could not be read leave a gap.

    Attributes:
        path: The file.
        starts: Where each part begins, in seconds.
        stops: Where it ends.
        curves: Values of each part by name: probabilities of labels, or predicted values, NaN in a gap.
        unit: What the values are: ``"probability"`` or ``"value"``.
        left_out: How many labels have no curve since others are larger.
    """

    path: str
    starts: tuple[float, ...]
    stops: tuple[float, ...]
    curves: dict[str, tuple[float, ...]]
    unit: str
    left_out: int = 0

    @classmethod
    def of_rows(cls, rows: Iterable[Prediction]) -> list[Self]:
        """One for each file of which at least two parts have times and one could be read.

        Args:
            rows: Rows of any number of files.

        Examples:
            >>> def row(start, joy):
            ...     chances = {"joy": joy, "fear": 1 - joy}
            ...     return Prediction(0, "a.mp4", "", "joy", chances, (), {}, None, "", start, start + 1.0)
            >>> (found,) = Timeline.of_rows([row(0.0, 0.25), row(1.0, 0.5)])
            >>> found.curves["joy"], found.unit
            ((0.25, 0.5), 'probability')
        """
        files: dict[str, list[Prediction]] = {}
        for row in rows:
            if row.start is not None and row.stop is not None:
                files.setdefault(row.path, []).append(row)
        found: list[Self] = []
        for path, parts in files.items():
            read = next((part for part in parts if part.error is None), None)
            if read is None or len(parts) < 2:
                continue
            names = list(read.probabilities) or list(read.dims)
            chances = bool(read.probabilities)
            curves = {
                name: tuple(
                    (part.probabilities if chances else part.dims).get(name, float("nan")) for part in parts
                )
                for name in names
            }
            # Which labels are drawn goes by their largest value; in which order, by the label space.
            heights = {
                name: max(value for value in curve if value == value) for name, curve in curves.items()
            }
            largest = set(sorted(names, key=lambda name: -heights[name])[:MOST])
            found.append(
                cls(
                    path,
                    tuple(part.start or 0.0 for part in parts),
                    tuple(part.stop or 0.0 for part in parts),
                    {name: curve for name, curve in curves.items() if name in largest},
                    "probability" if chances else "value",
                    len(names) - len(largest),
                )
            )
        return found
