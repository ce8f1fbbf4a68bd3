"""A trained task from a run, or from the folder that it was shared as."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from affectkit.share.pretrained import load_pretrained
from affectkit.share.trained_run import TrainedRun, load_run
from affectkit.tasks import CheckpointRecord
from affectkit.tasks.run_checkpoint import run_checkpoint
from affectkit.tasks.saved_folder import WEIGHTS, is_saved_folder, read_saved_config


def load_run_or_folder(place: str | os.PathLike[str]) -> TrainedRun:
    """Load a run as :func:`load_run` does, or a folder as :func:`load_pretrained` does.

    Args:
        place: Run folder, checkpoint, or a folder that ``save_pretrained`` wrote; its weights then stand for
            the checkpoint, and it has no configuration of a training.

    Raises:
        ShareError: If it is neither, or cannot be loaded.
        MissingPartError: If the task of a folder was given ready parts that the folder does not name.
    """
    if run_checkpoint(place) is not None or not is_saved_folder(place):
        return load_run(place)
    folder = Path(place)
    record = CheckpointRecord.of(read_saved_config(folder))
    assert record is not None, "is_saved_folder looks for it"
    task = load_pretrained(folder)
    with (folder / WEIGHTS).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return TrainedRun(task, record, folder / WEIGHTS, digest, {})
