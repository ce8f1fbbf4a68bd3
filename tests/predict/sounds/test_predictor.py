"""Predictions on recordings are those of the training pipeline, and what is none is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from affectkit.cli.main import main
from affectkit.data.modules import AudioDataModule
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.synthetic import write_emodb_folder
from affectkit.predict import PredictError, Sound, SoundPredictor, SoundView, find_sounds, open_predictor
from affectkit.tasks import AudioTask, ConversationTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Voices(NamedTuple):
    """Recordings as files, the same in shards."""

    files: Path
    shards: Path


def small() -> AudioTask:
    torch.manual_seed(0)
    return AudioTask("emodb7.letters", rate=8000, num_mels=16, widths=[4, 6])


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Voices:
    place = tmp_path_factory.mktemp("voices")
    write_emodb_folder(place / "emodb", speakers=4, versions=1, seconds=0.4)
    make_dataset(
        find_source("emodb"),
        place / "emodb",
        out=place / "shards",
        options={"val": "05", "test": "06"},
    )
    return Voices(place / "emodb", place / "shards")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, kept_run: Callable[..., Path]) -> Path:
    return kept_run(
        tmp_path_factory.mktemp("run"), small(), "AudioDataModule", rate=8000, max_seconds=0.35, gain_db=3.0
    )


def of_speaker(voices: Voices, keys: dict[str, Any]) -> list[Path]:
    files = {path.stem: path for path in sorted(voices.files.rglob("*.wav"))}
    return [files[key] for key in keys]


def test_files_and_shards_give_the_same_bits(voices: Voices, run: Path, pipeline: Any) -> None:
    predictor = open_predictor(run, batch_size=4, device="cpu")
    assert isinstance(predictor, SoundPredictor) and predictor.view == SoundView(8000, True, 0.35)
    data = AudioDataModule(str(voices.shards), rate=8000, max_seconds=0.35, batch_size=4)
    expected = pipeline(predictor.task, data)
    assert len(expected) % 4  # the last batch is filled up
    for items in (predictor.find([voices.shards]), find_sounds(of_speaker(voices, expected))):
        rows = list(predictor.rows(items))
        assert [row.error for row in rows] == [None] * len(expected)
        for row, logits in zip(rows, expected.values(), strict=True):
            assert torch.equal(torch.tensor(row.logits), logits)
            assert row.label == list(row.probabilities)[int(logits.argmax())]


def test_a_recording_alone_is_that_of_the_pipeline_alone(voices: Voices, run: Path, pipeline: Any) -> None:
    predictor = SoundPredictor.from_checkpoint(run, batch_size=1, device="cpu")
    data = AudioDataModule(str(voices.shards), rate=8000, max_seconds=0.35, batch_size=1)
    expected = pipeline(predictor.task, data)
    (row,) = predictor.predict(of_speaker(voices, expected)[:1])
    assert torch.equal(torch.tensor(row.logits), next(iter(expected.values())))


def test_arrays_are_files(voices: Voices, run: Path) -> None:
    import wave

    predictor = SoundPredictor.from_checkpoint(run, device="cpu")
    files = sorted(voices.files.rglob("*.wav"))[:3]
    sounds = []
    for path in files:
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
            sounds.append(Sound(samples / np.float32(2**15), file.getframerate()))
    expected = [row.logits for row in predictor.predict(files)]
    assert [row.logits for row in predictor.predict(sounds)] == expected
    stereo = [Sound(torch.from_numpy(np.stack([wave, wave])), rate) for wave, rate in sounds]
    assert [row.logits for row in predictor.predict(stereo)] == expected
    with pytest.raises(PredictError, match=r"torch\.int64 of shape \(3,\) at 8000 Hz: give floats"):
        list(predictor.predict([Sound(torch.zeros(3, dtype=torch.int64), 8000)]))


def test_bad_files_are_rows_and_change_no_other(voices: Voices, run: Path, tmp_path: Path) -> None:
    import wave

    (good, *_) = sorted(voices.files.rglob("*.wav"))
    shutil.copy(good, tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(good.read_bytes()[:200])
    with wave.open(str(tmp_path / "c.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    for name in ("d.mp4", "e.mp3", "f"):
        (tmp_path / name).write_bytes(b"?")
    predictor = SoundPredictor.from_checkpoint(run, batch_size=2, device="cpu")
    rows = list(predictor.predict([*sorted(tmp_path.iterdir()), tmp_path / "g.wav"]))
    (alone,) = predictor.predict([good])
    torch.testing.assert_close(rows[0].logits, alone.logits)
    assert rows[0].data == alone.data != "" and rows[0].error is None
    said = [row.error or "" for row in rows[1:]]
    assert "damaged" in said[0] or "restore" in said[0]
    assert said[1] == "The recording holds no sound: record it anew, or leave the file out."
    assert "sound of the video is damaged" in said[2] and "make the file anew" in said[2]
    assert "ends in '.mp3', not in wav or flac: convert it" in said[3] and "'nothing'" in said[4]
    assert "cannot be read" in said[5]
    assert all(sentence.count(". ") == 0 for sentence in said)
    assert [Path(item.path).name for item in find_sounds([tmp_path])] == ["a.wav", "b.wav", "c.wav"]


def test_arrays_of_another_rate(run: Path) -> None:
    strict = SoundPredictor(small(), SoundView(8000, resampled=False), device="cpu", batch_size=1)
    wave = torch.rand(1600) - 0.5
    (row,) = strict.predict([Sound(wave, 16_000)])
    assert "has 16000 samples per second, and the model hears 8000" in (row.error or "")
    (row,) = strict.predict([Sound(wave, 8000)])
    assert row.error is None


def test_what_hears_nothing_or_otherwise_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(PredictError, match=r"ConversationTask reads text, and recordings give audio"):
        SoundPredictor(ConversationTask("meld7.official", {"text": 4}), SoundView())
    with pytest.raises(PredictError, match="hears 8000 samples per second, and the view gives 16000"):
        SoundPredictor(small(), SoundView())
    bare = tmp_path / "model.ckpt"
    shutil.copy(run / "checkpoints" / "best.ckpt", bare)
    with pytest.raises(PredictError, match=r"has no config\.yaml"):
        open_predictor(bare)
    assert SoundPredictor.from_checkpoint(bare, view=SoundView(8000)).view.max_seconds is None
    (tmp_path / "config.yaml").write_text("data: {class_path: a.AudioDataModule, init_args: {rate: fast}}")
    with pytest.raises(PredictError, match=r"states rate='fast' for AudioDataModule, which is no int"):
        open_predictor(bare)
    (tmp_path / "config.yaml").write_text("data: {class_path: a.AudienceDataModule, init_args: {}}")
    with pytest.raises(PredictError, match="was trained with AudienceDataModule, which reads more than"):
        open_predictor(bare)
    with pytest.raises(PredictError, match="not on stored features: leave encoder out"):
        open_predictor(run, encoder="tiny")
    (tmp_path / "config.yaml").write_text("model: {}")
    with pytest.raises(PredictError, match="names no data module"):
        open_predictor(bare)


def test_the_command_writes_parquet(
    voices: Voices, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow, of the extra tables, is not installed")
    out = tmp_path / "p.parquet"
    given = ["predict", str(voices.shards), "--model", str(run), "--out", str(out), "--device", "cpu"]
    assert main(given) == 0
    shown = capsys.readouterr()
    assert "recordings, their first 0.35 s, as one channel at 8000 Hz" in shown.err
    assert "7 recordings" in shown.out
    table = parquet.read_table(out)
    predictor = SoundPredictor.from_checkpoint(run, device="cpu")
    rows = list(predictor.rows(predictor.find([voices.shards])))
    assert table.column_names[:2] == ["path", "label"] and "part" not in table.column_names
    assert table["label"].to_pylist() == [row.label for row in rows]
    assert table["entropy"].to_pylist() == [round(row.entropy or 0.0, 6) for row in rows]
    assert table["top"].to_pylist() == [round(max(row.probabilities.values()), 6) for row in rows]
    assert str(table.schema.field("top").type) == "double" and table["data"][0].as_py() == rows[0].data
