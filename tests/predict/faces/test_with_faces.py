"""The largest face that a detector finds is shown, and the table says which box it was."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from affectkit.cli.main import main
from affectkit.data.decode import VideoFrames
from affectkit.data.loader import PictureView, StreamSpec
from affectkit.predict import (
    ClipPredictor,
    ClipView,
    FoundFace,
    PicturePredictor,
    PredictError,
    TextPredictor,
    TextView,
    with_boxes,
    with_faces,
    write_predictions,
)
from affectkit.predict.boxes import Box
from affectkit.tasks import DialogueTextTask, PromptTuningTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Bright:
    """Finds one pixel, and around bright pixels a larger face; nothing in a dark picture."""

    identity = "bright 1"

    def __init__(self) -> None:
        self.seen: list[NDArray[np.uint8]] = []

    def __call__(self, pixels: NDArray[np.uint8]) -> list[FoundFace]:
        self.seen.append(pixels)
        rows, columns = np.nonzero(pixels.min(axis=2) > 200)
        if not len(rows):
            return [FoundFace(Box(-9, -9, 0, 0), 0.99)]  # beside the picture
        box = Box(*map(float, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 9)))
        return [FoundFace(Box(1, 1, 3, 3), 0.9), FoundFace(box, 0.75)]


def picture(path: Path, *, face: bool, seed: int = 0) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(seed).integers(0, 150, (50, 60, 3), dtype=np.uint8)
    if face:
        pixels[20:50, 10:40] += 105
        pixels[20, 10] = pixels[49, 39] = 255
    Image.fromarray(pixels).save(path)
    return pixels


def small(**options: Any) -> PromptTuningTask:
    torch.manual_seed(0)
    return PromptTuningTask("meld7.official", **options)


def test_pictures_are_cut_to_the_largest_face(tmp_path: Path) -> None:
    first, second = picture(tmp_path / "a.png", face=True), picture(tmp_path / "b.png", face=False)
    predictor = PicturePredictor(small(), PictureView(32), batch_size=1, device="cpu")
    found = predictor.find([tmp_path])
    rows = list(predictor.rows(with_faces(predictor, found, Bright())))
    # what of a face lies beside the picture is cut off
    assert [row.region for row in rows] == [
        "box 10 20 40 50, found with score 0.75",
        "whole frame, no face found",
    ]
    assert [row.logits for row in rows] == [
        row.logits for row in predictor.predict([first[20:50, 10:40], second])
    ]
    digests = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a.png", "b.png")]
    assert [row.data for row in rows] == digests
    rows = list(predictor.rows(with_faces(predictor, found, Bright(), required=True)))
    assert rows[0].error is None and rows[1].label is None
    assert (rows[1].error or "").startswith("No face was found by bright 1: give its box")


def test_rows_that_needed_no_face_are_not_kept_where_each_does(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", face=False)
    picture(tmp_path / "b.png", face=True)
    predictor = PicturePredictor(small(), PictureView(32), batch_size=1, device="cpu")
    found = predictor.find([tmp_path])

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    for before, kept in ((True, 1), (False, 0)):
        given = with_faces(predictor, found, Bright(), required=before)
        with pytest.raises(KeyboardInterrupt):
            write_predictions(predictor, given, out=tmp_path / "p.csv", progress=stop)
        given = with_faces(predictor, found, Bright(), required=True)
        report = write_predictions(predictor, given, out=tmp_path / "p.csv")
        assert (report.kept, report.unread) == (kept, 1)


def test_a_stream_of_faces_gets_the_box_of_its_training(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", face=True)
    streams = (StreamSpec("context", "letterbox"), StreamSpec("face", "stretch", 5.0))
    task = small(streams=["face", "context"])
    predictor = PicturePredictor(task, PictureView(32, streams), batch_size=1, device="cpu")
    found = predictor.find([tmp_path / "a.png"])
    (row,) = predictor.rows(with_faces(predictor, found, Bright()))
    boxes = {(tmp_path / "a.png").resolve(): (Box(10, 20, 40, 50),)}
    (boxed,) = predictor.rows(with_boxes(predictor, found, boxes))
    assert row.region == f"{boxed.region}, found with score 0.75" and row.logits == boxed.logits
    other = PicturePredictor(
        small(streams=["context"]), PictureView(32, streams[:1]), batch_size=1, device="cpu"
    )
    with pytest.raises(PredictError, match="sees context and no 'face' that boxes could cut"):
        with_faces(other, found, Bright())
    reads = TextPredictor(DialogueTextTask("meld7.official", "tiny"), TextView("tiny"), device="cpu")
    with pytest.raises(PredictError, match="Boxes were given for texts, which have no frames"):
        with_faces(reads, found, Bright())


def test_the_middle_frame_of_a_clip_says_where_its_face_is(
    tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    film = write_video(tmp_path / "a.mp4", frames=8)

    class Fixed(Bright):
        def __call__(self, pixels: NDArray[np.uint8]) -> list[FoundFace]:
            self.seen.append(pixels)
            return [FoundFace(Box(10, 4, 50, 44), 0.5)]

    frames = list(VideoFrames(film.read_bytes()).read(range(8)))
    view = ClipView(3, 32, normalization=None)
    predictor = ClipPredictor(small(frames=3), view, batch_size=1, device="cpu")
    boxes = {film.resolve(): (Box(10, 4, 50, 44),)}
    for every, middles in ((None, [4]), (0.4, [2, 6])):
        detector = Fixed()
        found = predictor.find([film], every=every)
        rows = list(predictor.rows(with_faces(predictor, found, detector)))
        boxed = list(predictor.rows(with_boxes(predictor, found, boxes)))
        assert [row.logits for row in rows] == [row.logits for row in boxed] and rows[0].error is None
        assert [row.data for row in rows] == [row.data for row in boxed]
        for pixels, middle in zip(detector.seen, middles, strict=True):
            assert np.array_equal(pixels, frames[middle])
    (tmp_path / "clip").mkdir()
    for number in range(3):
        picture(tmp_path / "clip" / f"{number}.png", face=number == 1, seed=number)
    (row,) = predictor.rows(with_faces(predictor, predictor.find([tmp_path / "clip"]), Bright()))
    assert row.region == "box 10 20 40 50, found with score 0.75"


def test_the_command(
    tmp_path: Path, kept_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    onnx: Any = pytest.importorskip("onnx", reason="onnx, of the extra export, is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime, of the extra faces, is not installed")
    from onnx import TensorProto, helper, numpy_helper

    picture(tmp_path / "a.png", face=True)
    values = {"boxes": np.array([[10, 20, 40, 50]], np.float32), "scores": np.array([0.75], np.float32)}
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
        for name, value in values.items()
    ]
    given = helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, "h", "w", 3])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in values]
    model = helper.make_model(
        helper.make_graph(nodes, "faces", [given], outputs),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, tmp_path / "faces.onnx")
    run = kept_run(tmp_path / "run", small(frames=1), "ClipDataModule", segments=1, size=32, normalize=False)
    (tmp_path / "clip").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "clip" / "a.png")
    out = tmp_path / "p.csv"
    command = ["predict", str(tmp_path / "clip"), "--model", str(run), "--device", "cpu", "--out", str(out)]
    assert main([*command, "--faces", f"onnx:{tmp_path / 'faces.onnx'}", "--faces-required"]) == 0
    assert "Where onnx faces.onnx " in capsys.readouterr().err
    with out.open() as file:
        (row,) = csv.DictReader(file)
    assert row["region"] == "box 10 20 40 50, found with score 0.75"
    assert main([*command, "--faces-required"]) == 2
    assert "nothing says where they are: give --faces as well" in capsys.readouterr().err
    assert main([*command, "--faces", "onnx:gone.onnx"]) == 2
    assert "gone.onnx cannot be read" in capsys.readouterr().err
