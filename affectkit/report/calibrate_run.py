"""Fit a scaling for a run on its validation split, and store it beside the checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from affectkit.atomic_file import write_atomically
from affectkit.calibration import (
    CalibrationFitError,
    LogitScaling,
    TemperatureScaling,
    VectorScaling,
    fit_scaling,
    save_scaling,
)
from affectkit.report.calibrate_error import CalibrateError
from affectkit.report.calibration_record import RECORD, CalibrationScores, calibration_scores
from affectkit.report.robustness import open_run
from affectkit.report.validation_rows import ValidationRows, validation_rows

ScalingMethod = Literal["temperature", "vector"]
_FOLDS: Final = 5


class RunCalibration(NamedTuple):
    """What calibrating a run found, all of it on validation rows.

    Attributes:
        run: Folder of the run.
        method: Which scaling.
        labels: Order of the classes.
        rows: Number of rows.
        before: Of the logits as they are.
        after: Of the scaled ones, on the rows that the scaling was fitted on.
        held_out: Of the scaled ones where each fifth of the samples had its scaling from the others; None
            where the others lack a class that the scaling needs.
        temperature: T; None where there is not one for all.
        scaling: File of the scaling.
    """

    run: Path
    method: ScalingMethod
    labels: tuple[str, ...]
    rows: int
    before: CalibrationScores
    after: CalibrationScores
    held_out: CalibrationScores | None
    temperature: float | None
    scaling: Path

    def as_json(self) -> bytes:
        """The record that is kept in the run folder."""
        value: dict[str, object] = {
            "method": self.method,
            "split": "val",
            "rows": self.rows,
            "labels": list(self.labels),
            "temperature": self.temperature,
            "scaling": self.scaling.name,
        }
        for name, scores in self.scores().items():
            value[name] = scores._asdict()
        return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")

    def scores(self) -> dict[str, CalibrationScores]:
        """What there is: before, after, held out."""
        found = {"before": self.before, "after": self.after, "held_out": self.held_out}
        return {name: scores for name, scores in found.items() if scores is not None}


def calibrate_run(
    folder: str | os.PathLike[str],
    *,
    method: ScalingMethod = "temperature",
    root: str | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> RunCalibration:
    """Fit a scaling on the validation split of a run; the test split is never read.

    The scaling lies beside the checkpoint afterwards, where
    :func:`~affectkit.calibration.load_scaling` finds it, and ``calibration.json`` in the run folder.

    Args:
        folder: Run folder.
        method: One temperature, or a factor and a shift for each class.
        root: Data set in place of the one of the training.
        device: Where the model runs.
        progress: Called with (batches done, batches of all).

    Raises:
        CalibrateError: If the method is unknown, or the run has no probabilities of labels.
        CalibrationFitError: If the rows do not determine the scaling.
        RobustnessError: If the folder is not that of a trained run.
    """
    if method not in get_args(ScalingMethod):
        raise CalibrateError(
            f"There is no scaling {method!r}: use one of {', '.join(get_args(ScalingMethod))}."
        )
    run = open_run(folder, root=root)
    rows = validation_rows(run, device=device, progress=progress)
    classes = rows.logits.shape[1]
    scaling = _new(method, classes)
    fit = fit_scaling(scaling, rows.logits, rows.target)
    space = run.task.label_space
    labels = tuple(map(str, range(classes))) if space is None else tuple(space.labels)
    with torch.no_grad():
        after = calibration_scores(scaling(rows.logits.double()), rows.target)
    crossed = held_out_logits(rows, method=method)
    found = RunCalibration(
        run=run.checkpoint.parent.parent,
        method=method,
        labels=labels,
        rows=fit.rows,
        before=calibration_scores(rows.logits.double(), rows.target),
        after=after,
        held_out=None if crossed is None else calibration_scores(crossed, rows.target),
        temperature=scaling.temperature if isinstance(scaling, TemperatureScaling) else None,
        scaling=save_scaling(run.checkpoint, scaling, labels=labels, rows=fit.rows),
    )
    write_atomically(found.run / RECORD, found.as_json())
    return found


def held_out_logits(rows: ValidationRows, *, method: ScalingMethod) -> Tensor | None:
    """Logits of each fifth of the samples under a scaling that was fitted on the others.

    Which fifth a sample is in follows from its key, so that a conversation is never on both sides.

    Returns:
        (N, C) float64; None where the others are too few for some fifth.
    """
    fold = torch.tensor([_fold(key) for key in rows.keys])
    scaled = rows.logits.double()
    for number in range(_FOLDS):
        mine = fold == number
        if not bool(mine.any()):
            continue
        scaling = _new(method, rows.logits.shape[1]).double()
        try:
            fit_scaling(scaling, rows.logits[~mine], rows.target[~mine])
        except CalibrationFitError:
            return None
        with torch.no_grad():
            scaled[mine] = scaling(rows.logits[mine].double())
    return scaled


def _fold(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[:8]) % _FOLDS


def _new(method: ScalingMethod, classes: int) -> LogitScaling:
    return TemperatureScaling() if method == "temperature" else VectorScaling(classes)
