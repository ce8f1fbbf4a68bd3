"""Tasks on features of recordings and pictures read the files through the encoder of their training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image

from affectkit.data.modules import FeatureDataModule
from affectkit.data.shards import read_manifest
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.store import open_store
from affectkit.data.synthetic import write_emodb_folder
from affectkit.encoders.tiny import TinyAudioEncoder, TinyImageEncoder, TinyTextEncoder
from affectkit.predict import (
    MediaFeaturePredictor,
    PredictError,
    extract_features,
    open_predictor,
    stored_modalities,
)
from affectkit.tasks import CategoricalDimensionalTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def voices(place: Path) -> dict[str, Path]:
    write_emodb_folder(place / "raw", speakers=4, versions=1, seconds=0.4)
    options = {"val": "05", "test": "06"}
    make_dataset(find_source("emodb"), place / "raw", out=place / "shards", options=options)
    return {path.stem: path for path in (place / "raw").rglob("*.wav")}


def pictures(place: Path) -> dict[str, Path]:
    draw = np.random.default_rng(0)
    for number in range(3):
        folder = place / "raw" / "test" / "joy"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.{'jpg' if number else 'png'}")
    options = {"label_space": "meld7.official"}
    make_dataset(find_source("imagefolder"), place / "raw", out=place / "shards", options=options)
    return {path.stem: path for path in (place / "raw").rglob("*.*")}


@pytest.mark.parametrize("medium", ["audio", "visual"])
def test_raw_files_are_stored_features(medium: str, tmp_path: Path) -> None:
    make: Callable[[Path], dict[str, Path]] = voices if medium == "audio" else pictures
    encoder = TinyAudioEncoder() if medium == "audio" else TinyImageEncoder()
    files = make(tmp_path)
    assert stored_modalities(tmp_path / "shards") == (medium,)
    extract_features(tmp_path / "shards", tmp_path / "features", encoders={medium: encoder})
    data = FeatureDataModule(str(tmp_path / "features"), batch_size=4)
    space = read_manifest(tmp_path / "features").label_space
    assert space is not None
    torch.manual_seed(0)
    task = CategoricalDimensionalTask(
        space.name, scale="vad.emobank", inputs={medium: encoder.out_dim}, head="separate"
    )
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = Trainer(accelerator="cpu", **quiet)
    found = cast(Any, trainer.predict(task, data))
    trainer.save_checkpoint(tmp_path / "alone.ckpt", weights_only=True)
    store = open_store(tmp_path / "features", "test")
    names = [store.key(place).rpartition("/")[2] for place in range(len(store))]
    predictor = open_predictor(tmp_path / "alone.ckpt", batch_size=4, device="cpu")
    assert isinstance(predictor, MediaFeaturePredictor) and encoder.identity in predictor.described("x")
    ordered = [
        files[name] if name in files else sorted(files.values())[place] for place, name in enumerate(names)
    ]
    for rows in (
        list(predictor.predict(ordered)),
        list(predictor.rows(predictor.find([tmp_path / "shards"]))),
    ):
        expected = [row for batch in found for row in batch.logits]
        assert [row.error for row in rows] == [None] * len(expected) and len(rows) >= 3
        for row, logits in zip(rows, expected, strict=True):
            # Its product of matrices rounds by the number of pictures that are encoded together.
            near = 1e-5 if medium == "visual" else 0.0
            torch.testing.assert_close(torch.tensor(row.logits), logits, rtol=near, atol=near)
    other = TinyImageEncoder(out_dim=8) if medium == "visual" else None
    if other is not None:
        with pytest.raises(PredictError, match=r"--encoder NAME` as in `affectkit extract --visual NAME`"):
            open_predictor(tmp_path / "alone.ckpt", encoder=other)
    with pytest.raises(PredictError, match=f"reads features of {medium}, and files give text alone"):
        MediaFeaturePredictor(task, TinyTextEncoder())


def test_parts_of_a_recording_are_encoded_alone(tmp_path: Path) -> None:
    path = sorted(voices(tmp_path).values())[0]
    width = TinyAudioEncoder().out_dim
    task = CategoricalDimensionalTask(
        "emodb7.letters", scale="vad.emobank", inputs={"audio": width}, head="separate"
    )
    predictor = MediaFeaturePredictor(task, TinyAudioEncoder(), batch_size=1, device="cpu")
    seen: list[Any] = []
    read = predictor._decode

    def watched(members: Mapping[str, memoryview]) -> Any:
        seen.append(read(members))
        return seen[-1]

    predictor._decode = watched
    rows = list(predictor.rows(predictor.find([path], every=0.25)))
    assert [row.part for row in rows] == ["part 0", "part 1"] and all(row.error is None for row in rows)
    (whole,) = (read(item.read()) for item in predictor.find([path]))
    joined = torch.cat([one.item[0] for one in seen], dim=1)
    assert torch.equal(joined, whole.item[0]) and seen[0].item[0].shape[1] == round(0.25 * whole.item[1])
