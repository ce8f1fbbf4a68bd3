from __future__ import annotations

import io
import math
import wave
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from affectkit.data import AffectBatch, AudioDataModule
from affectkit.data.loader import DamagedSampleWarning
from affectkit.data.modules import DataModuleError
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.labels import label_space


def wav(seconds: float, *, rate: int = 8000, hertz: float = 200.0, channels: int = 1) -> bytes:
    time = np.arange(round(seconds * rate)) / rate
    values = (np.sin(2 * math.pi * hertz * time) * 16384).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(values, channels).tobytes())
    return buffer.getvalue()


def write(root: Path, *, kind: str = "wav", damaged: int | None = None, lengths: int = 4) -> str:
    """Recordings of 0.1 to 0.4 seconds, an empty one last in test."""
    template = Manifest(
        name="voices",
        kind="audio",
        label_space=label_space("emodb7.letters"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(root, template) as writer:
        for split, size in (("train", 24), ("val", 5), ("test", 2)):
            for number in range(size):
                record: ItemRecord = {"id": str(number), "label": number % 7, "speaker": str(number % 2)}
                sound = wav(0.1 * (1 + number * 7 % lengths))
                if split == "test" and number == 1:
                    sound = wav(0.0)
                if kind == "flac":
                    sound = flac(sound)
                if split == "val" and number == damaged:
                    sound = sound[:-50]
                writer.add_item(split, f"{split}{number}", record, members={kind: sound})
    return str(root)


def flac(sound: bytes) -> bytes:
    soundfile = pytest.importorskip("soundfile", reason="needs the extra 'audio'")
    values, rate = soundfile.read(io.BytesIO(sound), dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, values, rate, format="FLAC")
    return buffer.getvalue()


def batches(loader: object) -> list[AffectBatch]:
    return list(cast("list[AffectBatch]", loader))


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_batches_hold_waveforms_masks_and_targets(tmp_path: Path, kind: str) -> None:
    data = AudioDataModule(write(tmp_path / "set", kind=kind), rate=8000, batch_size=4)
    first, second = batches(data.val_dataloader())
    assert first.masks["audio"].sum(1).tolist() == [800, 3200, 2400, 1600]
    assert first.inputs["audio"].shape == (4, 3200) and not first.inputs["audio"][~first.masks["audio"]].any()
    wanted = 0.5 * torch.sin(2 * math.pi * 200 * torch.arange(800) / 8000)
    torch.testing.assert_close(first.inputs["audio"][0, :800], wanted, rtol=0.0, atol=1e-4)
    assert first.target.label is not None and first.target.label.tolist() == [0, 1, 2, 3]
    assert second.valid.tolist() == [True, False, False, False] and data.feature_dims == {}


def test_other_rates_are_resampled_or_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "set")
    (first, _) = batches(AudioDataModule(root, rate=16000, batch_size=4).val_dataloader())
    assert first.masks["audio"].sum(1).tolist() == [1600, 6400, 4800, 3200]
    wanted = 0.5 * torch.sin(2 * math.pi * 200 * torch.arange(6400) / 16000)
    torch.testing.assert_close(first.inputs["audio"][1, 100:-100], wanted[100:-100], rtol=0.0, atol=2e-3)
    strict = AudioDataModule(root, rate=16000, resampled=False, batch_size=4)
    with pytest.raises(ShardError, match=r"val0.*8000 samples per second, and the run reads 16000: set"):
        batches(strict.val_dataloader())


def test_channels_become_their_mean(tmp_path: Path) -> None:
    template = Manifest(
        name="v", kind="audio", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    with DatasetWriter(tmp_path / "set", template) as writer:
        writer.add_item("test", "a", {"id": "a", "label": None}, members={"wav": wav(0.1, channels=2)})
    (batch,) = batches(AudioDataModule(str(tmp_path / "set"), rate=8000, batch_size=1).test_dataloader())
    assert batch.inputs["audio"].shape == (1, 800) and float(batch.inputs["audio"].max()) > 0.49


def test_an_empty_recording_is_absent(tmp_path: Path) -> None:
    (batch,) = batches(AudioDataModule(write(tmp_path / "set"), rate=8000, batch_size=2).test_dataloader())
    assert batch.present["audio"].tolist() == [True, False]
    assert batch.masks["audio"].sum(1).tolist() == [800, 0]


def test_recordings_of_like_length_stand_together_and_none_is_lost(tmp_path: Path) -> None:
    root = write(tmp_path / "set")
    sorted_, plain = (
        batches(AudioDataModule(root, rate=8000, batch_size=6, bucket_by_length=bucket).train_dataloader())
        for bucket in (True, False)
    )
    keys = [sorted(key for batch in found for key in batch.keys) for found in (sorted_, plain)]
    assert keys[0] == keys[1] == sorted(f"train{number}" for number in range(24))
    padding = [sum(int((~batch.masks["audio"]).sum()) for batch in found) for found in (sorted_, plain)]
    assert padding[0] == 0 < padding[1]


def test_training_hears_a_random_stretch_that_depends_on_the_seed_alone(tmp_path: Path) -> None:
    root = write(tmp_path / "set")

    def heard(seed: int, workers: int = 0) -> list[AffectBatch]:
        data = AudioDataModule(
            root,
            rate=8000,
            crop_seconds=0.15,
            gain_db=6.0,
            batch_size=8,
            seed=seed,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
        )
        return batches(data.train_dataloader())

    one, two, other = heard(0), heard(0, workers=1), heard(1)
    assert max(int(batch.masks["audio"].sum(1).max()) for batch in one) == 1200
    for left, right in zip(one, two, strict=True):
        assert left.keys == right.keys and torch.equal(left.inputs["audio"], right.inputs["audio"])
    peaks = {round(float(wave.max()), 3) for batch in one for wave in batch.inputs["audio"]}
    assert len(peaks) > 10 and min(peaks) > 0.25 and max(peaks) < 1.0
    assert [batch.keys for batch in one] != [batch.keys for batch in other]
    whole = AudioDataModule(root, rate=8000, crop_seconds=0.15, max_seconds=0.3, batch_size=8)
    (val,) = batches(whole.val_dataloader())
    assert int(val.masks["audio"].sum(1).max()) == 2400


def test_a_damaged_recording_is_masked_or_an_error(tmp_path: Path) -> None:
    root = write(tmp_path / "set", damaged=1)
    with pytest.raises(ShardError, match=r"val1.*ends after"):
        batches(AudioDataModule(root, rate=8000, batch_size=4).val_dataloader())
    data = AudioDataModule(root, rate=8000, batch_size=4, damage="mask", max_damaged=1)
    with pytest.warns(DamagedSampleWarning):
        first, _ = batches(data.val_dataloader())
    assert first.masks["audio"].sum(1).tolist() == [800, 0, 2400, 1600]
    assert first.target.weight is not None and first.target.weight.tolist() == [1, 0, 1, 1]


def test_bad_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataModuleError, match="give a rate and seconds above 0"):
        AudioDataModule(str(tmp_path), crop_seconds=0.0)
