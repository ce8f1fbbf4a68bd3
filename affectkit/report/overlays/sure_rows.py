"""The rows of a test that a model was most sure of."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final, NamedTuple

_PREFIX: Final = "p_"
_SEVERAL: Final = "; "


class SureRow(NamedTuple):
    """One row of a test.

    Attributes:
        key: Key of the sample.
        true: True label.
        said: Predicted label.
        probability: Probability of the predicted label.
    """

    key: str
    true: str
    said: str
    probability: float


def sure_rows(path: Path, *, right: bool, most: int) -> list[SureRow]:
    """The rows of a ``predictions.csv`` with the highest probability, surest first.

    Args:
        path: The file.
        right: Those that were right, or those that were wrong.
        most: Number of rows, at most.

    Returns:
        Nothing where there is no file, or rows have no single true label.

    Raises:
        ValueError: If a row lacks a probability.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        labels = {name for name in reader.fieldnames or () if name.startswith(_PREFIX)}
        rows = [
            SureRow(row["key"], row["target"], said, float(row[_PREFIX + said]))
            for row in reader
            if row["target"] and _SEVERAL not in (said := row["prediction"]) and _PREFIX + said in labels
        ]
    chosen = [row for row in rows if (row.true == row.said) == right]
    return sorted(chosen, key=lambda row: -row.probability)[:most]
