from __future__ import annotations

import io
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from affectkit.data import AffectBatch, VisualTextDataModule
from affectkit.data.decode import NormalizePixels
from affectkit.data.modules import DataModuleError
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.encoders.clip import NORMALIZATIONS
from affectkit.labels import label_space


def write(root: Path, *, text: str = "sentence {}", kind: str = "text") -> str:
    template = Manifest(
        name="sentences",
        kind="text" if kind == "text" else "image",
        label_space=label_space("visualness2.timed"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(root, template) as writer:
        for split in ("train", "val"):
            for number in range(4):
                record: ItemRecord = {"id": str(number), "label": number % 2, "text": text.format(number)}
                file = io.BytesIO()
                Image.fromarray(np.full((9, 12, 3), 50 + number, dtype=np.uint8)).save(file, format="PNG")
                members = {"png": file.getvalue()} if number % 2 else {}
                writer.add_item(split, f"{split}{number}", record, members=members)
    return str(root)


def only(data: VisualTextDataModule) -> AffectBatch:
    (batch,) = cast("list[AffectBatch]", list(data.val_dataloader()))
    return batch


def test_texts_come_with_the_pictures_that_they_have(tmp_path: Path) -> None:
    data = VisualTextDataModule(write(tmp_path / "set"), size=8, batch_size=4)
    batch = only(data)
    assert batch.meta["text"] == [f"sentence {number}" for number in range(4)]
    assert batch.present["visual"].tolist() == [False, True, False, True]
    assert batch.target.label is not None and batch.target.label.tolist() == [0, 1, 0, 1]
    assert batch.inputs["visual"].shape == (4, 3, 8, 8)
    assert batch.inputs["visual"].amax((1, 2, 3)).tolist() == [0, 51, 0, 53]
    raw = batch.inputs["visual"]
    expected: Tensor = NormalizePixels(*NORMALIZATIONS["clip"])(raw)
    assert torch.equal(data.on_after_batch_transfer(batch, 0).inputs["visual"], expected)


def test_training_sees_the_same_pairs(tmp_path: Path) -> None:
    data = VisualTextDataModule(
        write(tmp_path / "set"), size=8, batch_size=4, crop_scale=(0.5, 1.0), flip=0.5, normalize=False
    )
    (batch,) = cast("list[AffectBatch]", list(data.train_dataloader()))
    for key, text, pixels in zip(
        batch.keys, cast("list[str]", batch.meta["text"]), batch.inputs["visual"], strict=True
    ):
        number = int(key.removeprefix("train"))
        assert text == f"sentence {number}" and int(pixels.max()) == (50 + number) * (number % 2)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"val0.*has no text"):
        only(VisualTextDataModule(write(tmp_path / "empty", text=" "), batch_size=4))
    with pytest.raises(DataModuleError, match="VisualTextDataModule reads"):
        VisualTextDataModule(write(tmp_path / "pictures", kind="image")).setup("validate")
