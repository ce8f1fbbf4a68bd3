"""Face detectors in ONNX files of one stated form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

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
_BYTES: Final = "tensor(uint8)"
_FLOAT: Final = "tensor(float)"


class Port(NamedTuple):
    """An input or output of a model; an axis of any length has a name or nothing, no axes = not stated."""

    name: str
    kind: str
    shape: tuple[object, ...]

    @property
    def takes_pictures(self) -> bool:
        """Whether a picture of uint8 (1, H, W, 3) or float (1, 3, H, W) goes in."""
        if self.kind not in (_BYTES, _FLOAT) or len(self.shape) != 4:
            return False
        channels = self.shape[3] if self.kind == _BYTES else self.shape[1]
        return _may_be(self.shape[0], 1) and _may_be(channels, 3)

    def may_have(self, *shapes: tuple[int | None, ...]) -> bool:
        """Whether it states no shape, or one that fits; None = any length."""
        return not self.shape or any(
            len(shape) == len(self.shape)
            and all(
                length is None or _may_be(axis, length)
                for axis, length in zip(self.shape, shape, strict=True)
            )
            for shape in shapes
        )

    def __str__(self) -> str:
        axes = ", ".join(str(axis) if axis is not None else "?" for axis in self.shape)
        return f"{self.name!r} {self.kind.removeprefix('tensor(').rstrip(')')} ({axes})"


class OnnxFaceDetector:
    """Finds faces with an ONNX model.

    The model has one input, an RGB picture: uint8 (1, H, W, 3), or float (1, 3, H, W) in 0..1. Where its
    H or W is fixed, the picture is brought to it, whatever its proportions. Its outputs are named
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
        inputs, outputs = (
            [Port(str(one.name), str(one.type), tuple(one.shape or ())) for one in ports]
            for ports in (self._session.get_inputs(), self._session.get_outputs())
        )
        if len(inputs) != 1 or not inputs[0].takes_pictures or not _gives_faces(outputs):
            takes, gives = (", ".join(map(str, ports)) or "nothing" for ports in (inputs, outputs))
            raise PredictError(
                f"The model {file} has another form than a face detector, it takes {takes} and gives "
                f"{gives}: {_FORM}."
            )
        self._name, self._bytes = inputs[0].name, inputs[0].kind == _BYTES
        height, width = inputs[0].shape[1:3] if self._bytes else inputs[0].shape[2:4]
        self._width = width if isinstance(width, int) else None
        self._height = height if isinstance(height, int) else None

    def __call__(self, pixels: NDArray[np.uint8]) -> list[FoundFace]:
        """Find the faces of a picture.

        Raises:
            PredictError: If the model cannot be run on it, or gives boxes and scores of other shapes.
        """
        high, wide = pixels.shape[:2]
        seen = pixels
        size = (self._width or wide, self._height or high)
        if size != (wide, high):
            seen = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        given: NDArray[Any] = seen[None]
        if not self._bytes:
            given = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
        try:
            boxes, scores = self._session.run(["boxes", "scores"], {self._name: given})
        except Exception as error:  # onnxruntime raises classes of its own
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise PredictError(
                f"The model {self._file} cannot look at a picture of {size[0]} x {size[1]} pixels "
                f"({reason}): {_FORM}."
            ) from error
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


def _may_be(axis: object, length: int) -> bool:
    """Whether an axis of a model, which is a number, a name or None, may be of a length."""
    return not isinstance(axis, int) or axis == length


def _gives_faces(outputs: Sequence[Port]) -> bool:
    found = {one.name: one for one in outputs if one.kind == _FLOAT}
    return (
        {"boxes", "scores"} <= found.keys()
        and found["boxes"].may_have((None, 4), (1, None, 4))
        and found["scores"].may_have((None,), (1, None), (None, 1))
    )
