"""Face detectors of mediapipe's tasks API; the only module that touches mediapipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectkit._optional import require
from affectkit.predict.boxes.read_boxes import Box
from affectkit.predict.error import PredictError
from affectkit.predict.faces.face_detector import FoundFace, read_detector_file


class MediapipeFaceDetector:
    """Finds faces with a model of mediapipe, e.g. ``blaze_face_short_range.tflite``.

    Args:
        file: The model, which is never downloaded.
        min_score: Faces of a smaller score are passed over.

    Raises:
        MissingExtraError: If mediapipe is not installed.
        PredictError: If the file is not there, or is no face detector of mediapipe.
    """

    def __init__(self, file: str | Path, *, min_score: float = 0.5) -> None:
        data, self.identity = read_detector_file(file, kind="mediapipe")
        self._library: Any = require("mediapipe", extra="faces", purpose="Finding faces with mediapipe")
        tasks: Any = self._library.tasks
        options: Any = tasks.vision.FaceDetectorOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=data), min_detection_confidence=min_score
        )
        try:
            self._detector: Any = tasks.vision.FaceDetector.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise PredictError(
                f"The file {file} is no face detector of mediapipe ({reason}): give one of its models, e.g. "
                "blaze_face_short_range.tflite."
            ) from error

    def __call__(self, pixels: NDArray[np.uint8]) -> list[FoundFace]:
        """Find the faces of a picture."""
        picture: Any = self._library.Image(
            image_format=self._library.ImageFormat.SRGB, data=np.ascontiguousarray(pixels)
        )
        return _faces(self._detector.detect(picture))


def _faces(result: Any) -> list[FoundFace]:
    found: list[FoundFace] = []
    for one in result.detections:
        box: Any = one.bounding_box
        edges = (box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height)
        found.append(FoundFace(Box(*map(float, edges)), float(one.categories[0].score)))
    return found
