from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import yaml
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.synthetic import write_synthetic
from affectkit.tasks import AffectTask


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic set of four, one and one conversations in which some faces and voices are missing."""
    folder = tmp_path_factory.mktemp("source") / "corpus"
    write_synthetic(folder, train=4, val=1, test=1, seed=0, missing=0.2)
    return folder


@pytest.fixture
def digests() -> Callable[[Path], dict[str, str]]:
    """SHA-256 of every file in a folder."""

    def digest(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return digest


QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


@pytest.fixture(scope="session")
def pipeline() -> Callable[[AffectTask, LightningDataModule], dict[str, Tensor]]:
    """Logits of each sample by its key, as shards, data module and trainer give them."""

    def predict(task: AffectTask, data: LightningDataModule) -> dict[str, Tensor]:
        found = Trainer(**QUIET).predict(task, data)
        logits: dict[str, Tensor] = {}
        for batch in cast("list[AffectPrediction]", found):
            assert batch.logits is not None
            logits |= dict(zip(batch.keys, batch.logits, strict=True))
        return logits

    return predict


@pytest.fixture(scope="session")
def kept_run() -> Callable[..., Path]:
    """Writes a run folder as `affectkit fit` leaves it: a checkpoint, and how the data were read."""

    def keep(folder: Path, task: AffectTask, data: str, **options: object) -> Path:
        trainer = Trainer(**QUIET)
        trainer.strategy.connect(task)
        trainer.save_checkpoint(folder / "checkpoints" / "best.ckpt", weights_only=True)
        path = f"affectkit.data.modules.{data}"
        config = {"data": {"class_path": path, "init_args": {"root": "gone", **options}}}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        return folder

    return keep


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """Writes a video of noise that drifts in colour, some frames a second."""
    av: Any = pytest.importorskip("av", reason="PyAV, of the extra video, is not installed")

    def write(path: Path, *, frames: int = 20, rate: int = 10, seed: int = 0) -> Path:
        size = (48, 64)
        draw = np.random.default_rng(seed)
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("mpeg4", rate=rate)
            stream.height, stream.width = size
            stream.pix_fmt = "yuv420p"
            for number in range(frames):
                pixels = draw.integers(0, 60, (*size, 3), dtype=np.uint8) + np.uint8(number * 180 // frames)
                for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return path

    return write
