"""A fitted scaling beside the checkpoint whose logits it scales."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from affectkit.calibration.error import ScalingFileError
from affectkit.calibration.logit_scaling import LogitScaling
from affectkit.calibration.temperature_scaling import TemperatureScaling
from affectkit.calibration.vector_scaling import VectorScaling
from affectkit.tensor_file import TensorFileError, read_tensor_file, write_tensor_file

_ENDING: Final = ".scaling.safetensors"


class StoredScaling(NamedTuple):
    """A scaling that was fitted for a checkpoint.

    Attributes:
        scaling: Maps the checkpoint's logits to calibrated ones.
        labels: Order of the classes.
        path: Its file.
        rows: Validation rows that it was fitted on.
    """

    scaling: LogitScaling
    labels: tuple[str, ...]
    path: Path
    rows: int

    @property
    def name(self) -> str:
        """What it is, in a few words that no other scaling shares, e.g. ``"temperature 1.3100"``."""
        scaling = self.scaling
        if isinstance(scaling, TemperatureScaling):
            return f"temperature {scaling.temperature:.4f}"
        # The numbers are too many to say: a refitted scaling must not pass for the one before it.
        values = json.dumps([value.tolist() for value in scaling.state_dict().values()])
        return f"{len(self.labels)} factors and shifts {hashlib.sha256(values.encode()).hexdigest()[:8]}"


def scaling_path(checkpoint: str | os.PathLike[str]) -> Path:
    """Where the scaling of a checkpoint lies: ``best.scaling.safetensors`` beside ``best.ckpt``.

    In a folder for others, its ``model.safetensors`` counts as the checkpoint.
    """
    place = Path(checkpoint)
    return place.with_name(place.stem + _ENDING)


def save_scaling(
    checkpoint: str | os.PathLike[str], scaling: LogitScaling, *, labels: Sequence[str], rows: int
) -> Path:
    """Store a scaling beside a checkpoint, whole or not at all, and return its path.

    Args:
        checkpoint: Its file.
        scaling: A temperature, or factors and shifts.
        labels: Order of the classes.
        rows: Validation rows that it was fitted on.

    Raises:
        FileNotFoundError: If there is no checkpoint.
    """
    path = scaling_path(checkpoint)
    note = {
        "scaling": type(scaling).__name__,
        "labels": list(labels),
        "rows": rows,
        "checkpoint": _digest(Path(checkpoint)),
    }
    write_tensor_file(path, scaling.state_dict(), note)
    return path


def load_scaling(checkpoint: str | os.PathLike[str]) -> StoredScaling | None:
    """The scaling that was fitted for a checkpoint; None where none was.

    Args:
        checkpoint: File of the checkpoint.

    Raises:
        ScalingFileError: If it is damaged, or the checkpoint has changed since it was fitted.

    Examples:
        >>> import torch
        >>> from pathlib import Path
        >>> checkpoint = Path("best.ckpt")
        >>> _ = checkpoint.write_bytes(b"weights")
        >>> load_scaling(checkpoint) is None
        True
        >>> _ = save_scaling(checkpoint, TemperatureScaling(), labels=["calm", "glad"], rows=10)
        >>> stored = load_scaling(checkpoint)
        >>> stored.labels, stored.scaling(torch.tensor([[2.0, 0.0]])).tolist()
        (('calm', 'glad'), [[2.0, 0.0]])
    """
    path = scaling_path(checkpoint)
    if not path.is_file():
        return None
    try:
        tensors, note = read_tensor_file(path)
    except TensorFileError as error:
        raise ScalingFileError(
            f"{path} cannot be read ({error}): run `affectkit calibrate` again."
        ) from error
    labels, rows = note.get("labels"), note.get("rows")
    if not isinstance(labels, list) or not isinstance(rows, int) or note.get("scaling") not in _KINDS:
        raise ScalingFileError(f"{path} holds no scaling of logits: run `affectkit calibrate` again.")
    if note.get("checkpoint") != _digest(Path(checkpoint)):
        raise ScalingFileError(
            f"{path} was fitted for other weights than those of {checkpoint}: run `affectkit calibrate` "
            "again, or delete it to go without."
        )
    scaling: LogitScaling
    scaling = TemperatureScaling() if note["scaling"] == _KINDS[0] else VectorScaling(len(labels))
    try:
        scaling.load_state_dict(tensors)
    except RuntimeError as error:
        raise ScalingFileError(
            f"{path} does not fit its {len(labels)} labels: run `affectkit calibrate` again."
        ) from error
    return StoredScaling(scaling, tuple(map(str, labels)), path, rows)


_KINDS: Final = (TemperatureScaling.__name__, VectorScaling.__name__)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
