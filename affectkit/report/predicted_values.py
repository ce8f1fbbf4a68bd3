"""Values that a test predicted, as its file tells them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PREFIX = "dim_"


@dataclass(frozen=True, slots=True)
class PredictedValues:
    """Values of the rows of a test.

    Args:
        values: (N,) by the name of the axis.
        target: True label of each row, "" where unknown.
        prediction: Predicted label of each row, "" where none is predicted.
    """

    values: Mapping[str, NDArray[np.float64]]
    target: Sequence[str]
    prediction: Sequence[str]


def read_predicted_values(path: Path) -> PredictedValues | None:
    """Read the columns ``dim_AXIS`` of a ``predictions.csv``; None where there are none.

    Raises:
        ValueError: If a row lacks a number.
    """
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names = [name for name in reader.fieldnames or () if name.startswith(_PREFIX)]
        if not names:
            return None
        rows = list(reader)
    return PredictedValues(
        values={
            name.removeprefix(_PREFIX): np.array([float(row[name] or "nan") for row in rows])
            for name in names
        },
        target=[row["target"] for row in rows],
        prediction=[row["prediction"] for row in rows],
    )
