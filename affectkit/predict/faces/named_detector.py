"""Face detectors by what the command line calls them."""

from __future__ import annotations

from affectkit.predict.error import PredictError
from affectkit.predict.faces.face_detector import FaceDetector
from affectkit.predict.faces.mediapipe_detector import MediapipeFaceDetector
from affectkit.predict.faces.onnx_detector import OnnxFaceDetector


def named_face_detector(name: str) -> FaceDetector:
    """Open a detector.

    Args:
        name: ``mediapipe:FILE`` or ``onnx:FILE``.

    Raises:
        MissingExtraError: If the extra ``faces`` is not installed.
        PredictError: If it is neither, or the file is no such detector.
    """
    kind, colon, file = name.partition(":")
    if colon and kind == "mediapipe":
        return MediapipeFaceDetector(file)
    if colon and kind == "onnx":
        return OnnxFaceDetector(file)
    raise PredictError(
        f"There is no face detector {name!r}: give FILE.csv with boxes, mediapipe:MODEL_FILE, "
        "onnx:MODEL_FILE, or none."
    )
