"""Probabilities that a test predicted, as its file tells them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

_PREFIX = "p_"
#: The file has six digits: a probability is off by half of the last, their sum by that for each class.
_ROUNDING = 5e-7


@dataclass(frozen=True, slots=True)
class PredictedChances:
    """Probabilities of the labelled rows of a test.

    Args:
        labels: Label order.
        log_probabilities: (N, C) float64. What the file rounds to 0 counts as half its last digit.
        target: (N,) int64, index of the true label.
    """

    labels: Sequence[str]
    log_probabilities: Tensor
    target: Tensor


def read_predicted_chances(path: Path) -> PredictedChances | None:
    """Read the columns ``p_LABEL`` of a ``predictions.csv``.

    Returns:
        None where there are none, no row has a label, or a row may have several labels.

    Raises:
        ValueError: If a row lacks a probability, or its true label is no column.
    """
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = [name for name in reader.fieldnames or () if name.startswith(_PREFIX)]
        rows = [row for row in reader if row["target"]]
    labels = [name.removeprefix(_PREFIX) for name in columns]
    if not labels or not rows:
        return None
    values = [[float(row[name]) for name in columns] for row in rows]
    target = torch.tensor([labels.index(row["target"]) for row in rows])
    chances = torch.tensor(values, dtype=torch.float64)
    if not bool(((chances.sum(-1) - 1).abs() <= _ROUNDING * (len(labels) + 1)).all()):
        return None
    return PredictedChances(labels, chances.clamp(min=_ROUNDING).log(), target)
