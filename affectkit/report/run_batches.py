"""A trained run over a split of its data, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Literal, cast

import torch

from affectkit.data.batch import AffectBatch
from affectkit.report.calibrate_error import CalibrateError
from affectkit.report.robustness import TrainedRun
from affectkit.types import AffectOutput

Split = Literal["val", "test"]


def run_batches(
    run: TrainedRun,
    split: Split,
    *,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[AffectBatch, AffectOutput]]:
    """Each batch of a split, and what the model makes of it.

    Args:
        run: The run.
        split: Which split.
        device: Where the model runs.
        progress: Called with (batches done, batches of all) after each of them was used.

    Raises:
        CalibrateError: If the split has several loaders.
    """
    task = run.task.eval().to(device)
    run.data.setup("test" if split == "test" else "validate")
    loader: object = run.data.test_dataloader() if split == "test" else run.data.val_dataloader()
    if isinstance(loader, (list, tuple)):
        if len(loader) != 1:
            raise CalibrateError(
                f"The {split} split of {run.name} has {len(loader)} loaders: give a run with one "
                "source of data."
            )
        loader = loader[0]
    # Lightning types a loader as anything; ours give batches, and know how many.
    batches = cast("Collection[AffectBatch]", loader)
    for done, batch in enumerate(batches, start=1):
        with torch.inference_mode():
            moved: AffectBatch = run.data.on_after_batch_transfer(batch.to(device), 0)
            output: AffectOutput = task(moved)
        yield moved, output
        if progress is not None:
            progress(done, len(batches))
