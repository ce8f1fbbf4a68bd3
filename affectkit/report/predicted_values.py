"""Values that a test predicted, as its file tells them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectkit.report.predicted_labels import sample_key

_PREFIX = "dim_"


@dataclass(frozen=True, slots=True)
class PredictedValues:
    """Values of the rows of a test.

    Args:
        values: (N,) by the name of the axis.
        target: True label of each row, "" where unknown.
        prediction: Predicted label of each row, "" where none is predicted.
        keys: Key of the sample of each row, where they are told.
        places: Place in its conversation of each row, where they are told.
    """

    values: Mapping[str, NDArray[np.float64]]
    target: Sequence[str]
    prediction: Sequence[str]
    keys: Sequence[str] = ()
    places: Sequence[int] = ()


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
        keys=[sample_key(row["key"]) for row in rows],
        places=[_place(row["key"], row["utterance"]) for row in rows],
    )


def _place(key: str, utterance: str) -> int:
    """The tasks that judge utterances one by one put their number into the key."""
    return int(utterance if sample_key(key) == key else key.rpartition("#")[2])
