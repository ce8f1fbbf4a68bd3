"""How well probabilities fit labels, and what calibrating a run wrote about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from torch import Tensor

from affectkit.functional import expected_calibration_error, nll_rows, reliability_sums

#: Its name in the run folder.
RECORD: Final = "calibration.json"
_BINS: Final = 15


class CalibrationScores(NamedTuple):
    """Probabilities against labels.

    Attributes:
        nll: Negative log-likelihood in nats a row.
        ece: Expected calibration error over bins of equal width.
        accuracy: Share of right answers, which a temperature leaves as it is.
        bins: Rows, summed confidence and right answers of each bin.
    """

    nll: float
    ece: float
    accuracy: float
    bins: list[list[float]]


def calibration_scores(logits: Tensor, target: Tensor) -> CalibrationScores:
    """Scores of logits.

    Shape:
        - logits: (N, C) float64
        - target: (N,) int64

    Examples:
        >>> import torch
        >>> scores = calibration_scores(torch.tensor([[0.0, 0.0], [0.0, 0.0]]).double(), torch.tensor([0, 1]))
        >>> round(scores.nll, 4), scores.ece, scores.accuracy
        (0.6931, 0.0, 0.5)
    """
    chances = logits.softmax(-1)
    correct = logits.argmax(-1) == target
    sums = reliability_sums(chances.amax(-1).clamp(max=1), correct, num_bins=_BINS)
    return CalibrationScores(
        nll=nll_rows(logits.log_softmax(-1), target).mean().item(),
        ece=expected_calibration_error(sums).item(),
        accuracy=correct.double().mean().item(),
        bins=sums.tolist(),
    )


def read_calibration(folder: Path) -> dict[str, object] | None:
    """The ``calibration.json`` of a run; None where it was not calibrated.

    Raises:
        ValueError: If it is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict) or not isinstance(value.get("before"), dict):
        raise ValueError(f"{path.name} holds no calibration")
    return value


def scores_of(record: Mapping[str, object], name: str) -> CalibrationScores | None:
    """One of the scores of a record: ``before``, ``after`` or ``held_out``."""
    found = record.get(name)
    if not isinstance(found, dict):
        return None
    bins: Sequence[Sequence[float]] = found["bins"]
    return CalibrationScores(
        float(found["nll"]),
        float(found["ece"]),
        float(found["accuracy"]),
        [list(map(float, row)) for row in bins],
    )
