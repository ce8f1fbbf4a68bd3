"""Boxes cut what the model sees, and the table says so."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from affectkit.cli.main import main
from affectkit.data.decode import VideoFrames
from affectkit.data.loader import PictureView, StreamReader, StreamSpec
from affectkit.data.sources.source import SourceError
from affectkit.predict import (
    Box,
    ClipPredictor,
    ClipView,
    PicturePredictor,
    PredictError,
    TextPredictor,
    TextView,
    read_boxes,
    with_boxes,
)
from affectkit.tasks import DialogueTextTask, PromptTuningTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def noise(path: Path, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def listed(folder: Path, *rows: str) -> Path:
    (folder / "boxes.csv").write_text("path,left,top,right,bottom\n" + "\n".join(rows))
    return folder / "boxes.csv"


def small(**options: object) -> PromptTuningTask:
    torch.manual_seed(0)
    return PromptTuningTask("meld7.official", **options)  # type: ignore[arg-type]


def test_pictures_are_cut(tmp_path: Path) -> None:
    first, second = noise(tmp_path / "a.png"), noise(tmp_path / "b.png", 1)
    table = listed(tmp_path, "a.png,10,5,50,45", f"{tmp_path / 'a.png'},0,0,30,30.5", "gone.png,0,0,1,1")
    predictor = PicturePredictor(small(), PictureView(32), batch_size=1, device="cpu")
    items = with_boxes(predictor, predictor.find([tmp_path]), read_boxes(table))
    rows = list(predictor.rows(items))
    assert [row.region for row in rows] == ["box 10 5 50 45", "box 0 0 30 30.5", "whole frame"]
    assert [row.part for row in rows] == ["box 0", "box 1", ""]
    seen = [first[5:45, 10:50], first[0:31, 0:30], second]
    assert [row.logits for row in rows] == [row.logits for row in predictor.predict(seen)]
    assert rows[0].data == rows[1].data == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()


def test_a_stream_of_faces_gets_the_box_of_its_training(tmp_path: Path) -> None:
    pixels = noise(tmp_path / "a.png")
    streams = (StreamSpec("context", "letterbox"), StreamSpec("face", "stretch", 5.0))
    predictor = PicturePredictor(
        small(streams=["face", "context"]), PictureView(32, streams), batch_size=1, device="cpu"
    )
    boxes = read_boxes(listed(tmp_path, "a.png,20,10,60,50"))
    (row,) = predictor.rows(with_boxes(predictor, predictor.find([tmp_path / "a.png"]), boxes))
    (whole,) = predictor.predict([pixels])
    assert row.region == "face box 20 10 60 50, the rest whole" and row.logits != whole.logits
    # the cut that the box of a stored record gets, and the whole frame for the other stream
    record = with_boxes(predictor, predictor.find([tmp_path / "a.png"]), boxes)[0].read()
    sample = StreamReader(streams, segments=1)(record)
    assert [stream.box(0) for stream in sample.streams] == [None, [20.0, 10.0, 60.0, 50.0]]


def test_videos_are_cut_in_all_frames(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    film = write_video(tmp_path / "a.mp4", frames=8)
    boxes = read_boxes(listed(tmp_path, "a.mp4,10,4,50,44"))
    pixels = np.stack(list(VideoFrames(film.read_bytes()).read(range(8))))[:, 4:44, 10:50]
    predictor = ClipPredictor(
        small(frames=3), ClipView(3, 32, normalization=None), batch_size=1, device="cpu"
    )
    for every, parts in ((None, [pixels]), (0.4, [pixels[:4], pixels[4:]])):
        rows = list(predictor.rows(with_boxes(predictor, predictor.find([film], every=every), boxes)))
        assert {row.region for row in rows} == {"box 10 4 50 44"}
        assert [row.logits for row in rows] == [row.logits for row in predictor.predict(parts)]
    stills = PicturePredictor(small(), PictureView(32), batch_size=1, device="cpu")
    (row,) = stills.rows(with_boxes(stills, stills.find([film]), boxes))
    assert [row.logits] == [each.logits for each in stills.predict([pixels[4]])]
    raw = ClipPredictor(small(frames=3), ClipView(3, None, normalization=None), batch_size=1, device="cpu")
    (row,) = raw.rows(with_boxes(raw, raw.find([film]), boxes))
    assert "leave boxes out" in (row.error or "")


def test_boxes_that_fit_nothing(tmp_path: Path) -> None:
    noise(tmp_path / "a.png")
    predictor = PicturePredictor(small(), PictureView(32), device="cpu")
    items = predictor.find([tmp_path / "a.png"])
    with pytest.raises(PredictError, match=r"None of the boxes \(1 files, e\.g\. .*gone\.png\)"):
        with_boxes(predictor, items, read_boxes(listed(tmp_path, "gone.png,0,0,1,1")))
    (row,) = predictor.rows(with_boxes(predictor, items, read_boxes(listed(tmp_path, "a.png,95,0,99,9"))))
    assert "holds no pixel of a frame of 90 x 60" in (row.error or "")
    for bad in ("a.png,5,0,5,9", "a.png,x,0,5,9"):
        with pytest.raises(SourceError, match="row 2"):
            read_boxes(listed(tmp_path, bad))
    texts = TextPredictor(DialogueTextTask("meld7.official", "tiny"), TextView("tiny"), device="cpu")
    with pytest.raises(PredictError, match="Boxes were given for texts"):
        with_boxes(texts, [], {})
    context = PicturePredictor(
        small(streams=["context"]), PictureView(32, (StreamSpec("context"),)), device="cpu"
    )
    with pytest.raises(PredictError, match="sees context and no 'face'"):
        with_boxes(context, items, {tmp_path / "a.png": (Box(0, 0, 1, 1),)})


def test_the_command_states_the_box(
    tmp_path: Path,
    kept_run: Callable[..., Path],
    write_video: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_video(tmp_path / "a.mp4", frames=8)
    options = {"segments": 3, "size": 32, "normalize": False}
    run = kept_run(tmp_path / "run", small(frames=3), "ClipDataModule", **options)
    given = ["predict", str(tmp_path / "a.mp4"), "--model", str(run), "--device", "cpu"]
    table = listed(tmp_path, "a.mp4,10,4,50,44")
    assert main([*given, "--boxes", str(table), "--out", str(tmp_path / "p.csv")]) == 0
    with (tmp_path / "p.csv").open(newline="") as file:
        assert [row["region"] for row in csv.DictReader(file)] == ["box 10 4 50 44"]
    assert main([*given, "--boxes", str(tmp_path / "gone.csv")]) == 2
    capsys.readouterr()
    assert main([*given, "--boxes", str(listed(tmp_path, "a.mp4,10,4,50,44", "b.mp4,0,0,9,9"))]) == 0
    assert "(1 of 2 are among the predicted)" in capsys.readouterr().err
    assert main([*given, "--faces", "retinaface"]) == 2
    assert "give FILE.csv with boxes, mediapipe:MODEL_FILE, onnx:MODEL_FILE" in capsys.readouterr().err
