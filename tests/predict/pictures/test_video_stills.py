"""Frames of a video are pictures for models of pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.decode import VideoFrames
from affectkit.data.loader import PictureView
from affectkit.predict import PicturePredictor, find_pictures
from affectkit.predict.videos import frame_times, video_parts
from affectkit.tasks import PromptTuningTask


def test_the_middle_of_each_part_is_shown(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    film = write_video(tmp_path / "a.mp4", frames=25, rate=10)
    assert frame_times(film) == pytest.approx([number / 10 for number in range(26)])
    assert [part[:2] for part in video_parts(film, 1.0)] == [(0, 10), (10, 20), (20, 25)]
    assert [part[:2] for part in video_parts(film, 0.3)][:3] == [(0, 3), (3, 6), (6, 9)]
    assert len(video_parts(film, 0.01)) == 25 and len(video_parts(film, 60.0)) == 1
    predictor = PicturePredictor(PromptTuningTask("meld7.official"), PictureView(32), device="cpu")
    rows = list(predictor.rows(find_pictures([film])))
    assert [row.part for row in rows] == ["frame 5", "frame 15", "frame 22"]
    assert [row.start for row in rows] == pytest.approx([0.0, 1.0, 2.0])
    assert [row.stop for row in rows] == pytest.approx([1.0, 2.0, 2.5])
    pixels = list(VideoFrames(film.read_bytes()).read([5, 15, 22]))
    assert [row.logits for row in rows] == [row.logits for row in predictor.predict(pixels)]
    assert len(predictor.find([film], every=0.5)) == 5


def test_a_film_that_cannot_be_read_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_bytes(b"?")
    (tmp_path / "b.MKV").write_bytes(b"?")
    predictor = PicturePredictor(PromptTuningTask("meld7.official"), PictureView(32), device="cpu")
    rows = list(predictor.rows(predictor.find(sorted(tmp_path.iterdir()))))
    assert "is damaged" in (rows[0].error or "") and "`ffmpeg -i b.MKV b.mp4`" in (rows[1].error or "")
