"""Parts of a recording are recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectkit.data.decode import decode_audio
from affectkit.data.synthetic import SAMPLE_RATE
from affectkit.data.synthetic.wav_bytes import wav_bytes
from affectkit.predict import PredictError, Sound, SoundPredictor, SoundView
from affectkit.tasks import AudioTask


@pytest.mark.parametrize("limit", [None, 0.1])
def test_parts_are_heard_alone(tmp_path: Path, limit: float | None) -> None:
    torch.manual_seed(0)
    task = AudioTask("emodb7.letters", rate=SAMPLE_RATE, num_mels=16, widths=[4, 6])
    view = SoundView(SAMPLE_RATE, max_seconds=limit)
    predictor = SoundPredictor(task, view, batch_size=2, device="cpu")
    step = round(0.15 * SAMPLE_RATE)
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * step // 2).astype(np.float32)
    stored = wav_bytes(wave)
    (tmp_path / "a.wav").write_bytes(stored)
    (whole,) = predictor.find([tmp_path / "a.wav"])
    items = predictor.find([tmp_path / "a.wav"], every=0.15)
    assert [item.start for item in items] == pytest.approx([0.0, 0.15, 0.3])
    assert items[-1].stop == pytest.approx(0.375) and items[0].part == "part 0" and whole.start is None
    heard = decode_audio(stored, kind="wav").waveform[0]
    pieces = [Sound(heard[step * place : step * (place + 1)], SAMPLE_RATE) for place in range(3)]
    rows, expected = list(predictor.rows(items)), list(predictor.predict(pieces))
    assert [row.logits for row in rows] == [row.logits for row in expected]
    assert rows[0].logits != rows[1].logits and [row.error for row in rows] == [None] * 3
    assert {row.data for row in rows} == {row.data for row in predictor.rows([whole])}


def test_files_that_are_none_stay_one_row(tmp_path: Path) -> None:
    task = AudioTask("emodb7.letters", rate=SAMPLE_RATE, num_mels=16, widths=[4, 6])
    predictor = SoundPredictor(task, SoundView(SAMPLE_RATE), device="cpu")
    (tmp_path / "a.wav").write_bytes(b"?")
    (tmp_path / "b.mp4").write_bytes(b"?")
    items = predictor.find([tmp_path / "a.wav", tmp_path / "b.mp4"], every=0.5)
    assert [bool(row.error) for row in predictor.rows(items)] == [True, True]
    with pytest.raises(PredictError, match="Parts of -1 seconds"):
        predictor.find([tmp_path / "a.wav"], every=-1.0)
