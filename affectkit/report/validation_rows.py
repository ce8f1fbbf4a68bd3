"""Logits and labels of a run on its validation split."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from affectkit.report.calibrate_error import CalibrateError
from affectkit.report.robustness import TrainedRun
from affectkit.report.run_batches import run_batches
from affectkit.tasks.batch_prediction import batch_prediction
from affectkit.types import IGNORE_LABEL


class ValidationRows(NamedTuple):
    """Labelled rows of a validation split, in the order of the data.

    Shape:
        - keys: N keys of samples; the utterances of a conversation share theirs.
        - logits: (N, C) float32
        - target: (N,) int64
    """

    keys: list[str]
    logits: Tensor
    target: Tensor


def validation_rows(
    run: TrainedRun,
    *,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> ValidationRows:
    """Run a trained model over the validation split of its data.

    Args:
        run: The run.
        device: Where the model runs.
        progress: Called with (batches done, batches of all).

    Raises:
        CalibrateError: If the run predicts no label, or several, or the split has no labelled row.
    """
    space = run.task.label_space
    several = space is not None and space.kind == "multilabel"
    keys: list[str] = []
    logits: list[Tensor] = []
    targets: list[Tensor] = []
    for batch, output in run_batches(run, "val", device=device, progress=progress):
        if output.logits is None or several:
            raise CalibrateError(
                f"The run {run.name} does not choose one label of several, so that it has no probabilities "
                "to calibrate: give the run of a classifier."
            )
        found = batch_prediction(batch, output)
        if found.target is None or found.logits is None:
            continue
        target = found.target.reshape(found.valid.shape)
        known = found.valid & (target != IGNORE_LABEL)
        keys += [found.keys[row] for row in known.nonzero()[:, 0].tolist()]
        logits.append(found.logits[known])
        targets.append(target[known])
    if not keys:
        raise CalibrateError(
            f"The validation split of {run.name} has no labelled row: give --data with labels of its own."
        )
    return ValidationRows(keys, torch.cat(logits), torch.cat(targets))
