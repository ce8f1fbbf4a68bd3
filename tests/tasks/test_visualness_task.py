from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image

from affectkit.data import AffectBatch, VisualTextDataModule
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.labels import label_space
from affectkit.tasks import VisualnessTask
from affectkit.types import Target

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220), "white": (240, 240, 240)}


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sentences that name a colour, with a picture of it, and sentences that show nothing."""
    root = tmp_path_factory.mktemp("sentences") / "set"
    template = Manifest(
        name="sentences",
        kind="text",
        label_space=label_space("visualness2.timed"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(root, template) as writer:
        for split, count in (("train", 24), ("val", 8), ("test", 8)):
            for number in range(count):
                name = list(COLOURS)[number % 4]
                visual = number % 8 < 4
                text = f"a {name} wall number {number}" if visual else f"the {number} plans remain open"
                file = io.BytesIO()
                Image.fromarray(np.full((16, 16, 3), COLOURS[name], dtype=np.uint8)).save(file, format="PNG")
                record: ItemRecord = {"id": str(number), "label": int(visual), "text": text}
                members = {"png": file.getvalue()} if visual else {}
                writer.add_item(split, f"{split}{number:02}", record, members=members)
    return str(root)


def fit(root: str, folder: Path) -> tuple[VisualnessTask, VisualTextDataModule, Trainer]:
    task = VisualnessTask(lr=1e-3, schedule="constant")
    size = task.scorer.base.image.image_size[0]
    data = VisualTextDataModule(root, size=size, batch_size=8, normalize=False)
    trainer = Trainer(
        max_epochs=6,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(task, datamodule=data)
    return task, data, trainer


def test_training_separates_texts_and_keeps_the_threshold(sentences: str, tmp_path: Path) -> None:
    task, data, trainer = fit(sentences, tmp_path)
    reached = trainer.callback_metrics
    assert float(reached["val/macro_f1_at_threshold"]) > 0.9
    threshold = float(task.scorer.threshold)
    assert float(reached["val/threshold"]) == pytest.approx(threshold) and threshold != 1.0
    scores = task.scorer.score(["a red wall number 3", "the 3 plans remain open"])
    assert scores[0] > threshold > scores[1]
    (result,) = trainer.test(task, datamodule=data, verbose=False)
    assert result["test/macro_f1"] > 0.9
    trainer.save_checkpoint(tmp_path / "task.ckpt")
    loaded = VisualnessTask.load_from_checkpoint(tmp_path / "task.ckpt")
    assert float(loaded.scorer.threshold) == pytest.approx(threshold)
    torch.testing.assert_close(loaded.scorer.score(["a blue wall"]), task.scorer.score(["a blue wall"]))


def test_a_visual_text_without_its_picture_is_left_out_of_the_loss() -> None:
    task = VisualnessTask().eval()
    size = task.scorer.base.image.image_size
    pixels = torch.randint(256, (3, 3, *size), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    label = torch.tensor([1, 1, 0])

    def batch(present: list[bool], rows: list[int]) -> AffectBatch:
        texts = ["a red wall", "a blue wall", "nothing"]
        return AffectBatch(
            inputs={"visual": pixels[rows]},
            valid=torch.ones(len(rows), dtype=torch.bool),
            present={"visual": torch.tensor(present)[rows]},
            target=Target(label=label[rows], weight=torch.ones(len(rows))),
            meta={"text": [texts[row] for row in rows]},
        )

    lacking = batch([True, False, False], [0, 1, 2])
    without = batch([True, False, False], [0, 2])
    terms, expected = (task.compute_loss(part, task(part)) for part in (lacking, without))
    assert float(terms.weight) == 2
    torch.testing.assert_close(terms.total, expected.total)


def test_refusals() -> None:
    task = VisualnessTask()
    valid = torch.ones(1, dtype=torch.bool)
    with pytest.raises(KeyError, match="use VisualTextDataModule"):
        task(AffectBatch(inputs={}, valid=valid))
    with pytest.raises(ValueError, match="set the data module's normalize to false"):
        task(AffectBatch(inputs={"visual": torch.zeros(1, 3, 8, 8)}, valid=valid, meta={"text": ["a"]}))
    with pytest.raises(ValueError, match="metric='auc'"):
        VisualnessTask(metric="auc")  # type: ignore[arg-type]
