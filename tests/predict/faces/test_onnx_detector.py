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
    for file, said in (
        (flat, r"it takes 'pixels' uint8 \(1, 8, 3\) and gives"),
        (other, r"and gives 'x' float \(1, 1, 4\), 'y' float \(1\): give one with one input"),
    ):
        with pytest.raises(PredictError, match=f"another form than a face detector, .*{said}"):
            OnnxFaceDetector(file)
    uneven = OnnxFaceDetector(
        save(tmp_path / "c.onnx", [[0, 0, 1, 1]], shape=(1, 8, 8, 3), scores=[1.0, 1.0])
    )
    with pytest.raises(PredictError, match=r"gave boxes of shape \(1, 1, 4\) and scores of shape \(2,\)"):
        uneven(red(8, 8, 0))
    with pytest.raises(
        PredictError,
        match=r"There is no face detector 'yolo:a': give FILE\.csv with boxes, mediapipe:MODEL_FILE",
    ):
        named_face_detector("yolo:a")


@pytest.mark.parametrize(
    ("shape", "kind", "said"),
    [
        ((1, 8, 16, 3), "FLOAT", r"it takes 'pixels' float \(1, 8, 16, 3\)"),
        ((1, 3, 8, 16), "UINT8", r"it takes 'pixels' uint8 \(1, 3, 8, 16\)"),
        ((4, 3, "h", "w"), "FLOAT", r"it takes 'pixels' float \(4, 3, h, w\)"),
        ((1, 1, 8, 16), "FLOAT", r"it takes 'pixels' float \(1, 1, 8, 16\)"),
        ((1, 3, 8, 16), "FLOAT16", r"it takes 'pixels' float16 \(1, 3, 8, 16\)"),
        ((1, 3, 8, 16), "scores", r"gives 'boxes' float \(1, 2, 4\), 'scores' float \(1, 2, 5\)"),
        ((1, 3, 8, 16), "boxes", r"gives 'boxes' float \(1, 2, 5\), 'scores' float \(1, 2\)"),
    ],
)
def test_another_layout_is_refused_before_a_picture_is_shown(
    tmp_path: Path, shape: tuple[str | int, ...], kind: str, said: str
) -> None:
    from onnx import TensorProto, helper, numpy_helper

    sizes = {
        "boxes": (1, 2, 5 if kind == "boxes" else 4),
        "scores": (1, 2, 5) if kind == "scores" else (1, 2),
    }
    values = {name: numpy_helper.from_array(np.zeros(size, np.float32)) for name, size in sizes.items()}
    nodes = [helper.make_node("Constant", [], [name], value=value) for name, value in values.items()]
    given = helper.make_tensor_value_info("pixels", getattr(TensorProto, kind, TensorProto.FLOAT), shape)
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in sizes.items()]
    graph = helper.make_graph(nodes, "faces", [given], outputs)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "a.onnx")
    with pytest.raises(PredictError, match=f"another form than a face detector, .*{said}"):
        OnnxFaceDetector(tmp_path / "a.onnx")


def test_one_fixed_side_is_brought_to_its_length(tmp_path: Path) -> None:
    file = save(tmp_path / "a.onnx", [[2.0, 4.0, 8.0, 8.0]], shape=(1, 3, 8, "w"), scores=[0.9])
    (face,) = OnnxFaceDetector(file)(red(16, 32, 9))
    assert face.box == (2, 8, 8, 16)


def test_a_picture_that_it_cannot_be_run_on_is_one_sentence(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Shape", ["pixels"], ["size"], start=2, end=4),
        helper.make_node("Cast", ["size"], ["scores"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["pixels", "form"], ["boxes"]),
    ]
    form = helper.make_tensor("form", TensorProto.INT64, [2], [2, 4])
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, "h", "w"])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("boxes", "scores")]
    graph = helper.make_graph(nodes, "faces", [given], outputs, [form])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "a.onnx")
    with pytest.raises(PredictError, match=r"cannot look at a picture of 5 x 7 pixels \(.*\): give one with"):
        OnnxFaceDetector(tmp_path / "a.onnx")(red(7, 5, 9))


def test_a_box_that_is_no_number_is_none(tmp_path: Path) -> None:
    boxes = [[float("nan"), 0.0, 1.0, 1.0], [0.25, 0.0, 0.5, 1.0]]
    file = save(tmp_path / "d.onnx", boxes, shape=(1, "h", "w", 3), scores=[0.9, 0.8])
    (face,) = named_face_detector(f"onnx:{file}")(red(20, 40, 200))
    assert tuple(face.box) == pytest.approx((10.0, 0.0, 20.0, 20.0))
