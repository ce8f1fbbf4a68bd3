"""Face detectors in ONNX files of one stated form."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affectkit.predict.boxes.read_boxes import Box
from affectkit.predict.error import PredictError
from affectkit.predict.faces.face_detector import FoundFace, read_detector_file
from affectkit.predict.faces.onnx_session import open_onnx

_FORM: Final = (
    "give one with one input, uint8 (1, H, W, 3) or float (1, 3, H, W), and the outputs boxes (N, 4) and "
    "scores (N,)"
)
#: Edges up to here are shares of the picture: a face of two pixels is none.
_RELATIVE: Final = 2.0


class OnnxFaceDetector:
    """Finds faces with an ONNX model.

    The model has one input, an RGB picture: uint8 (1, H, W, 3), or float (1, 3, H, W) in 0..1. Where its
    H and W are fixed, the picture is brought to them, whatever its proportions. Its outputs are named
    ``boxes``, (N, 4) or (1, N, 4) with left, top, right and bottom, and ``scores``, (N,) or (1, N): faces
    that remain after overlapping ones were removed. Edges are pixels of the input, or its shares where none
    lies above 2.

    Args:
        file: The model, which is never downloaded.
        min_score: Faces of a smaller score are passed over.

    Raises:
        MissingExtraError: If onnxruntime is not installed.
        PredictError: If the file is not there, or no model of this form.
    """

    def __init__(self, file: str | Path, *, min_score: float = 0.5) -> None:
        data, self.identity = read_detector_file(file, kind="onnx")
        self._file = file
        self._min_score = min_score
        try:
            self._session: Any = open_onnx(data, extra="faces", purpose="Finding faces with an ONNX model")
        except ImportError:
            raise
        except Exception as error:  # onnxruntime raises classes of its own
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise PredictError(f"The file {file} is no ONNX model ({reason}): {_FORM}.") from error
        inputs: Any = self._session.get_inputs()
        shape = list(inputs[0].shape) if len(inputs) == 1 else []
        outputs = {one.name for one in self._session.get_outputs()}
        self._bytes = len(inputs) == 1 and inputs[0].type == "tensor(uint8)"
        pictures = len(shape) == 4 and (self._bytes or inputs[0].type == "tensor(float)")
        if not pictures or not {"boxes", "scores"} <= outputs:
            raise PredictError(f"The model {file} has another form than a face detector: {_FORM}.")
        self._name = str(inputs[0].name)
        height, width = shape[1:3] if self._bytes else shape[2:4]
        self._size = (width, height) if type(height) is int and type(width) is int else None

    def __call__(self, pixels: NDArray[np.uint8]) -> list[FoundFace]:
        """Find the faces of a picture.

        Raises:
            PredictError: If the model gives boxes and scores of other shapes.
        """
        high, wide = pixels.shape[:2]
        seen = pixels
        if self._size is not None and self._size != (wide, high):
            seen = np.asarray(Image.fromarray(pixels).resize(self._size, Image.Resampling.BILINEAR))
        given: NDArray[Any] = seen[None]
        if not self._bytes:
            given = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
        boxes, scores = self._session.run(["boxes", "scores"], {self._name: given})
        edges = np.asarray(boxes, dtype=np.float64)
        sure = np.asarray(scores, dtype=np.float64).reshape(-1)
        if edges.shape[-1:] != (4,) or edges.size != 4 * len(sure):
            raise PredictError(
                f"The model {self._file} gave boxes of shape {edges.shape} and scores of shape "
                f"{np.shape(scores)}: {_FORM}."
            )
        edges = edges.reshape(-1, 4)
        finite = np.isfinite(edges).all(axis=1) & np.isfinite(sure)
        edges, sure = edges[finite], sure[finite]
        height, width = (1, 1) if edges.max(initial=0.0) <= _RELATIVE else seen.shape[:2]
        edges = edges * np.array([wide / width, high / height] * 2)
        return [
            FoundFace(Box(*map(float, box)), float(score))
            for box, score in zip(edges, sure, strict=True)
            if score >= self._min_score
        ]
