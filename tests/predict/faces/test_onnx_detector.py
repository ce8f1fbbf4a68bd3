"""ONNX detectors of the documented form: what they are shown, and what their boxes mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectkit.predict import PredictError, named_face_detector
from affectkit.predict.faces import OnnxFaceDetector

onnx: Any = pytest.importorskip("onnx", reason="onnx, of the extra export, is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime, of the extra faces, is not installed")


def save(
    path: Path,
    boxes: list[list[float]],
    *,
    shape: tuple[str | int, ...],
    scores: list[float] | None = None,
    names: tuple[str, str] = ("boxes", "scores"),
) -> Path:
    """A model that gives fixed boxes, each with the mean of the first channel as its score unless stated."""
    from onnx import TensorProto, helper, numpy_helper

    small = shape[-1] == 3
    kind = TensorProto.UINT8 if small else TensorProto.FLOAT
    edges = np.array(boxes, np.float32).reshape(1, -1, 4)
    nodes = [helper.make_node("Constant", [], [names[0]], value=numpy_helper.from_array(edges))]
    if scores is not None:
        fixed = numpy_helper.from_array(np.array(scores, np.float32))
        nodes.append(helper.make_node("Constant", [], [names[1]], value=fixed))
    else:
        axis = 3 if small else 1
        index = numpy_helper.from_array(np.array(0, np.int64))
        count = numpy_helper.from_array(np.array([len(boxes)], np.int64))
        nodes += [
            helper.make_node("Constant", [], ["index"], value=index),
            helper.make_node("Constant", [], ["count"], value=count),
            helper.make_node("Gather", ["pixels", "index"], ["red"], axis=axis),
            helper.make_node("Cast", ["red"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["real"], ["mean"], keepdims=0),
            helper.make_node("Expand", ["mean", "count"], [names[1]]),
        ]
    given = helper.make_tensor_value_info("pixels", kind, shape)
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    graph = helper.make_graph(nodes, "faces", [given], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def red(height: int, width: int, level: int) -> Any:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = level
    return pixels


def test_shares_of_a_picture_that_is_brought_to_a_fixed_size(tmp_path: Path) -> None:
    file = save(tmp_path / "a.onnx", [[0.1, 0.2, 0.5, 1.0]], shape=(1, 3, 8, 16))
    detector = named_face_detector(f"onnx:{file}")
    assert detector.identity.startswith("onnx a.onnx ")
    (face,) = detector(red(50, 40, 153))
    assert face.box == pytest.approx((4, 10, 20, 50)) and face.score == pytest.approx(0.6)  # 153 / 255
    assert detector(red(50, 40, 102)) == []  # 0.4 is not sure enough
    assert len(OnnxFaceDetector(file, min_score=0.3)(red(50, 40, 102))) == 1


def test_pixels_of_the_input_become_pixels_of_the_picture(tmp_path: Path) -> None:
    boxes = [[2.0, 4.0, 8.0, 8.0], [0.0, 0.0, 16.0, 8.0]]
    fixed = OnnxFaceDetector(save(tmp_path / "a.onnx", boxes, shape=(1, 8, 16, 3)))
    assert [face.box for face in fixed(red(16, 32, 9))] == [(4, 8, 16, 16), (0, 0, 32, 16)]
    assert fixed(red(16, 32, 9))[0].score == pytest.approx(9)  # bytes stay bytes
    free = OnnxFaceDetector(save(tmp_path / "b.onnx", boxes, shape=(1, "h", "w", 3)))
    assert [face.box for face in free(red(16, 32, 9))] == [tuple(box) for box in boxes]
    none = OnnxFaceDetector(save(tmp_path / "c.onnx", [], shape=(1, "h", "w", 3), scores=[]))
    assert none(red(16, 32, 9)) == []


def test_other_forms_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PredictError, match=r"gone\.onnx cannot be read .*which is not downloaded"):
        OnnxFaceDetector(tmp_path / "gone.onnx")
    (tmp_path / "no.onnx").write_bytes(b"no")
    with pytest.raises(PredictError, match=r"no\.onnx is no ONNX model"):
        OnnxFaceDetector(tmp_path / "no.onnx")
    flat = save(tmp_path / "a.onnx", [[0, 0, 1, 1]], shape=(1, 8, 3), scores=[1.0])
    other = save(tmp_path / "b.onnx", [[0, 0, 1, 1]], shape=(1, 8, 8, 3), scores=[1.0], names=("x", "y"))
    for file in (flat, other):
        with pytest.raises(PredictError, match=r"another form than a face detector: give one with one input"):
            OnnxFaceDetector(file)
    uneven = OnnxFaceDetector(
        save(tmp_path / "c.onnx", [[0, 0, 1, 1]], shape=(1, 8, 8, 3), scores=[1.0, 1.0])
    )
    with pytest.raises(PredictError, match=r"gave boxes of shape \(1, 1, 4\) and scores of shape \(2,\)"):
        uneven(red(8, 8, 0))
    with pytest.raises(PredictError, match="There is no face detector 'yolo:a': give mediapipe:FILE"):
        named_face_detector("yolo:a")


def test_a_box_that_is_no_number_is_none(tmp_path: Path) -> None:
    boxes = [[float("nan"), 0.0, 1.0, 1.0], [0.25, 0.0, 0.5, 1.0]]
    file = save(tmp_path / "d.onnx", boxes, shape=(1, "h", "w", 3), scores=[0.9, 0.8])
    (face,) = named_face_detector(f"onnx:{file}")(red(20, 40, 200))
    assert tuple(face.box) == pytest.approx((10.0, 0.0, 20.0, 20.0))
