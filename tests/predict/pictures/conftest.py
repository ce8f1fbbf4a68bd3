from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from lightning.pytorch import Trainer
from PIL import Image

from affectkit.data.modules import ImageDataModule
from affectkit.data.sources import find_source, make_dataset
from affectkit.tasks import PromptTuningTask

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


class Trained(NamedTuple):
    """Pictures in folders, the same in shards, and a run that was trained on them."""

    files: Path
    shards: Path
    run: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Noise of many sizes as PNG and JPEG, and a prompt tuning of one step; read only."""
    place = tmp_path_factory.mktemp("own")
    draw = np.random.default_rng(3)
    for split, count in (("train", 4), ("test", 7)):
        for number in range(count):
            folder = place / "files" / split / ("joy" if number % 2 else "fear")
            folder.mkdir(parents=True, exist_ok=True)
            size = tuple(draw.integers(24, 72, 2))
            pixels = draw.integers(0, 256, (*size, 3), dtype=np.uint8)
            kind = "jpg" if number % 3 == 1 else "png"
            Image.fromarray(pixels).save(folder / f"{number}.{kind}")
    make_dataset(
        find_source("imagefolder"),
        place / "files",
        out=place / "shards",
        options={"label_space": "meld7.official"},
    )
    data = ImageDataModule(str(place / "shards"), batch_size=4, size=32, normalize=False)
    task = PromptTuningTask("meld7.official", adapter="clip_adapter", seed=1)
    trainer = Trainer(**QUIET, max_steps=1)
    trainer.fit(task, data)
    trainer.save_checkpoint(place / "run" / "checkpoints" / "best.ckpt")
    return Trained(place / "files", place / "shards", place / "run")
