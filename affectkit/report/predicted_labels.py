"""Labels that a test predicted, as its file tells them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

_SEVERAL = "; "


@dataclass(frozen=True, slots=True)
class PredictedLabels:
    """Labelled rows of a test, in the order of its file.

    Args:
        keys: Key of the sample of each row.
        utterances: Place in the conversation of each row, 0 in a sample that is none.
        labels: Label order.
        prediction: (N,) int64.
        target: (N,) int64.
    """

    keys: Sequence[str]
    utterances: Sequence[int]
    labels: Sequence[str]
    prediction: Tensor
    target: Tensor


def sample_key(key: str) -> str:
    """The key of the stored sample, without the number that tasks add for one of its utterances.

    Examples:
        >>> sample_key("talk 3#12"), sample_key("face#left")
        ('talk 3', 'face#left')
    """
    whole, mark, number = key.rpartition("#")
    return whole if mark and number.isdecimal() else key


def read_predicted_labels(path: Path, labels: Sequence[str] = ()) -> PredictedLabels | None:
    """Read keys, labels and predictions of a ``predictions.csv``.

    Args:
        path: The file.
        labels: Label order; that of the probabilities in the file unless given.

    Returns:
        None where there is no file, or no row has one label and one prediction.

    Raises:
        ValueError: If a label is not in the label order.
    """
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        order = list(labels) or [n.removeprefix("p_") for n in reader.fieldnames or () if n.startswith("p_")]
        rows = [row for row in reader if row["target"] and row["prediction"]]
    if not rows or not order or any(_SEVERAL in row["prediction"] for row in rows):
        return None
    place = {label: number for number, label in enumerate(order)}
    unknown = sorted({row[column] for row in rows for column in ("target", "prediction")} - place.keys())
    if unknown:
        raise ValueError(f"{path.name} has the labels {', '.join(unknown)}, which are not in its label order")
    return PredictedLabels(
        keys=[row["key"] for row in rows],
        utterances=[int(row["utterance"]) for row in rows],
        labels=order,
        prediction=torch.tensor([place[row["prediction"]] for row in rows]),
        target=torch.tensor([place[row["target"]] for row in rows]),
    )
