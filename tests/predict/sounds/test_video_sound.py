"""A model of recordings hears the sound of a video, as if its samples lay in a file of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from affectkit.data.decode import DecodeError
from affectkit.predict import Sound, SoundPredictor, SoundView
from affectkit.predict.sounds import sound_item
from affectkit.predict.videos.video_sound import video_sound
from affectkit.tasks import AudioTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
av: Any = pytest.importorskip("av", reason="PyAV, of the extra video, is not installed")


def film(path: Path, wave: NDArray[np.int16], *, rate: int = 8000) -> Path:
    """A video of black frames with a sound track of samples (channels, T) that are kept as they are."""
    with av.open(str(path), "w", format="mov" if path.suffix == ".mov" else "matroska") as file:
        video = file.add_stream("mpeg4", rate=10)
        video.height, video.width, video.pix_fmt = 32, 32, "yuv420p"
        layout = "mono" if len(wave) == 1 else "stereo"
        audio = file.add_stream("pcm_s16le", rate=rate, layout=layout)
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            file.mux(video.encode(frame))
        for start in range(0, wave.shape[1], 1000):
            packed = np.ascontiguousarray(wave[:, start : start + 1000].T).reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
            sound.sample_rate, sound.pts = rate, start
            file.mux(audio.encode(sound))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))
    return path


def heard(*, seconds: float | None = None) -> SoundPredictor:
    torch.manual_seed(0)
    task = AudioTask("emodb7.letters", rate=8000, num_mels=16, widths=[4, 6])
    return SoundPredictor(task, SoundView(8000, max_seconds=seconds), batch_size=1, device="cpu")


@pytest.mark.parametrize("name", ["a.mov", "b.mkv"])
def test_the_sound_of_a_video_is_that_of_its_samples(name: str, tmp_path: Path) -> None:
    wave = np.random.default_rng(0).integers(-9000, 9000, (2, 5000)).astype(np.int16)
    path = film(tmp_path / name, wave, rate=10_000)
    samples = (wave / 32768).astype(np.float32)
    found, rate = video_sound(path)
    assert rate == 10_000 and np.array_equal(found, samples)
    for seconds in (None, 0.3):
        predictor = heard(seconds=seconds)
        (row,) = predictor.rows(predictor.find([path]))
        (array,) = predictor.predict([Sound(samples, 10_000)])
        assert row.logits == array.logits and row.region == "sound of the video"
        assert row.data == hashlib.sha256(path.read_bytes()).hexdigest()


def test_parts_of_a_video_are_heard_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.random.default_rng(1).integers(-9000, 9000, (1, 4000)).astype(np.int16)
    predictor = heard(seconds=0.15)
    decoded: list[Path] = []

    def counted(path: Path) -> tuple[NDArray[np.float32], int]:
        decoded.append(path)
        return video_sound(path)

    monkeypatch.setattr(sound_item, "video_sound", counted)
    rows = list(predictor.rows(predictor.find([film(tmp_path / "a.mov", wave)], every=0.2)))
    assert decoded == [tmp_path / "a.mov"]
    assert [(row.start, row.stop) for row in rows] == [(0.0, 0.2), (0.2, 0.4), (0.4, 0.5)]
    samples = (wave / 32768).astype(np.float32)
    alone = predictor.predict([Sound(samples[:, cut : cut + 1600], 8000) for cut in (0, 1600, 3200)])
    assert [row.logits for row in rows] == [row.logits for row in alone]


def test_a_video_that_cannot_be_heard_is_a_row(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    silent = write_video(tmp_path / "a.mp4")
    (tmp_path / "b.webm").write_bytes(b"no video")
    predictor = heard()
    first, second = predictor.rows(predictor.find([silent, tmp_path / "b.webm"]))
    assert (first.error or "").startswith("The video has no sound: leave it out")
    assert (second.error or "").startswith("The sound of the video is damaged (")
    with pytest.raises(DecodeError, match="has no sound"):
        video_sound(silent)
