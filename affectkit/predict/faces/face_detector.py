"""What finds faces, and what it finds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from affectkit.predict.boxes.read_boxes import Box
from affectkit.predict.error import PredictError


class FoundFace(NamedTuple):
    """A face in a picture: its edges in pixels, and how sure the detector is."""

    box: Box
    score: float


class FaceDetector(Protocol):
    """Finds faces; any callable with an ``identity`` is one."""

    @property
    def identity(self) -> str:
        """Kind, file and digest: equal identities find the same."""
        ...

    def __call__(self, pixels: NDArray[np.uint8]) -> Sequence[FoundFace]:
        """Find the faces of an RGB picture (H, W, 3); none is no error."""
        ...


def read_detector_file(file: str | Path, *, kind: str) -> tuple[bytes, str]:
    """The bytes of a detector, and its identity.

    Raises:
        PredictError: If there is no such file.
    """
    place = Path(file)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise PredictError(
            f"The face detector {place} cannot be read ({error.strerror or error}): give the path of its "
            "file, which is not downloaded."
        ) from error
    return data, f"{kind} {place.name} {hashlib.sha256(data).hexdigest()[:12]}"
