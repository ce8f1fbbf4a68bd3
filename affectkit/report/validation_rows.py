"""Logits and labels of a run on its validation split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.report.calibrate_error import CalibrateError
from affectkit.report.robustness import TrainedRun
from affectkit.tasks.batch_prediction import batch_prediction
from affectkit.types import IGNORE_LABEL, AffectOutput


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


def validation_rows(run: TrainedRun, *, device: str | torch.device = "cpu") -> ValidationRows:
    """Run a trained model over the validation split of its data.

    Args:
        run: The run.
        device: Where the model runs.

    Raises:
        CalibrateError: If the run predicts no label, or several, or the split has no labelled row.
    """
    task = run.task.eval().to(device)
    several = task.label_space is not None and task.label_space.kind == "multilabel"
    keys: list[str] = []
    logits: list[Tensor] = []
    targets: list[Tensor] = []
    with torch.inference_mode():
        for batch in _loader(run):
            moved: AffectBatch = run.data.on_after_batch_transfer(batch.to(device), 0)
            output: AffectOutput = task(moved)
            if output.logits is None or several:
                raise CalibrateError(
                    f"The run {run.name} does not choose one label of several, so that it has no "
                    "probabilities to calibrate: give the run of a classifier."
                )
            found = batch_prediction(moved, output)
            if found.target is None or found.logits is None:
                continue
            known = found.valid & (found.target.reshape(found.valid.shape) != IGNORE_LABEL)
            rows = known.nonzero()[:, 0].tolist()
            keys += [found.keys[row] for row in rows]
            logits.append(found.logits[known])
            targets.append(found.target.reshape(found.valid.shape)[known])
    if not keys:
        raise CalibrateError(
            f"The validation split of {run.name} has no labelled row: give --data with labels of its own."
        )
    return ValidationRows(keys, torch.cat(logits), torch.cat(targets))


def _loader(run: TrainedRun) -> Iterable[AffectBatch]:
    run.data.setup("validate")
    loader: object = run.data.val_dataloader()
    if isinstance(loader, Sequence):
        if len(loader) != 1:
            raise CalibrateError(
                f"The validation split of {run.name} has {len(loader)} loaders: calibrate a run with one "
                "source of data."
            )
        loader = loader[0]
    # Lightning types a loader as anything; ours give batches.
    return cast("Iterable[AffectBatch]", loader)
