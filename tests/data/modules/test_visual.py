from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from affectkit.data import AffectBatch, ClipDataModule, ImageDataModule, ShardLoader
from affectkit.data.decode import NormalizePixels
from affectkit.data.modules import DataModuleError
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.labels import LabelSpace, label_space

SPACE = label_space("meld7.official")


def picture(value: int, *, height: int = 12, width: int = 16) -> bytes:
    file = io.BytesIO()
    pixels = np.full((height, width, 3), value, dtype=np.uint8)
    pixels[:, : width // 2] = value // 2
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def write(
    root: Path, *, clip: bool = False, space: LabelSpace = SPACE, sizes: int = 1, spoiled: bool = False
) -> str:
    template = Manifest(
        name="faces",
        kind="clip" if clip else "image",
        label_space=space,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        extra_spaces={"mask": label_space("meld3.sentiment")},
    )
    with DatasetWriter(root, template, shard_samples=4) as writer:
        for split, count in {"train": 9, "val": 5}.items():
            for i in range(count):
                record: ItemRecord = {"id": str(i), "label": i % 7, "extra": {"mask": i % 3}}
                if space.kind == "multilabel":
                    record["label"] = None
                    if i % 2:
                        record["multilabel"] = [0, 3]
                elif i == 1:
                    record["label"], record["votes"] = None, [3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
                width = 16 + 4 * (i % sizes)
                members: Mapping[str, bytes] = {"png": picture(10 * i, width=width)}
                if clip:
                    members = {f"frame-{j:03}.png": picture(10 * i + j) for j in range(8)}
                if spoiled and i == 2:
                    members = {"png": picture(0)[:44]}
                writer.add_item(split, f"{split}{i}", record, members=members)
    return str(root)


def batches(loader: ShardLoader[object] | list[ShardLoader[object]]) -> list[AffectBatch]:
    assert not isinstance(loader, list)
    return list(loader)


def test_evaluation_decodes_every_picture_once_with_its_label(tmp_path: Path) -> None:
    data = ImageDataModule(write(tmp_path / "set"), size=None, batch_size=2)
    data.setup("validate")
    seen: dict[str, int | None] = {}
    for batch in batches(data.val_dataloader()):  # type: ignore[arg-type]
        pixels, label = batch.inputs["visual"], batch.target.label
        assert label is not None and batch.target.extra is not None
        assert pixels.shape == (2, 3, 12, 16) and pixels.dtype == torch.uint8
        assert pixels.is_contiguous(memory_format=torch.channels_last)
        for row, key in enumerate(batch.keys):
            i = int(key.removeprefix("val"))
            stored = torch.from_numpy(np.array(Image.open(io.BytesIO(picture(10 * i)))))
            assert torch.equal(pixels[row], stored.permute(2, 0, 1))
            assert batch.target.extra["mask"][row] == i % 3
            if batch.valid[row]:
                seen[key] = int(label[row])
    assert seen == {f"val{i}": -100 if i == 1 else i % 7 for i in range(5)}


def test_votes_follow_the_order_of_the_run(tmp_path: Path) -> None:
    space = LabelSpace("backwards", tuple(reversed(SPACE.labels)))
    data = ImageDataModule(write(tmp_path / "set", space=space), label_space=SPACE.name, batch_size=5)
    (batch,) = batches(data.val_dataloader())  # type: ignore[arg-type]
    assert batch.target.label is not None and batch.target.label.tolist() == [6, -100, 4, 3, 2]
    votes = batch.target.distribution
    assert votes is not None and votes[1].tolist() == [0, 0, 0, 0, 0, 1, 3] and votes[0].isnan().all()


def test_several_labels_a_picture(tmp_path: Path) -> None:
    space = LabelSpace("several", SPACE.labels, kind="multilabel")
    data = ImageDataModule(write(tmp_path / "set", space=space), batch_size=5)
    (batch,) = batches(data.val_dataloader())  # type: ignore[arg-type]
    several = batch.target.multilabel
    assert batch.target.label is None and several is not None
    assert several[1].tolist() == [1, 0, 0, 1, 0, 0, 0] and several[0].isnan().all()


def test_pictures_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    root = write(tmp_path / "set", sizes=2)
    (batch,) = batches(ImageDataModule(root, size=8, batch_size=5).val_dataloader())  # type: ignore[arg-type]
    assert batch.inputs["visual"].shape == (5, 3, 8, 8)
    with pytest.raises(ShardError, match=r"'val1' has 20 x 12 pixels.*give the data module a size"):
        batches(ImageDataModule(root, size=None, batch_size=5).val_dataloader())  # type: ignore[arg-type]


def test_training_views_belong_to_the_sample_not_to_the_worker(tmp_path: Path) -> None:
    root = write(tmp_path / "set")
    first, second = (
        batches(ImageDataModule(root, size=8, batch_size=4, num_workers=workers).train_dataloader())  # type: ignore[arg-type]
        for workers in (0, 2)
    )
    assert [batch.keys for batch in first] == [batch.keys for batch in second]
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.inputs["visual"], b.inputs["visual"])
    data = ImageDataModule(root, size=8, batch_size=4)
    epochs = [
        {
            key: row
            for batch in data.train_dataloader()
            for key, row in zip(batch.keys, batch.inputs["visual"])
        }
        for _ in range(2)
    ]
    common = [key for key in epochs[0] if key in epochs[1]]
    assert any(not torch.equal(epochs[0][key], epochs[1][key]) for key in common)


def test_the_trainer_normalises_after_the_move(tmp_path: Path) -> None:
    root = write(tmp_path / "set")
    data = ImageDataModule(root, size=8, batch_size=5)
    (batch,) = batches(data.val_dataloader())  # type: ignore[arg-type]
    raw = batch.inputs["visual"]
    out = data.on_after_batch_transfer(batch, 0).inputs["visual"]
    expected: torch.Tensor = NormalizePixels()(raw)
    assert torch.equal(out, expected)
    kept = ImageDataModule(root, size=8, batch_size=5, normalize=False)
    (batch,) = batches(kept.val_dataloader())  # type: ignore[arg-type]
    assert kept.on_after_batch_transfer(batch, 0).inputs["visual"].dtype == torch.uint8


def test_clips_show_the_middle_of_segments_and_random_frames_in_training(tmp_path: Path) -> None:
    root = write(tmp_path / "set", clip=True)
    data = ClipDataModule(root, segments=4, size=None, batch_size=5, flip=0.0)
    (batch,) = batches(data.val_dataloader())  # type: ignore[arg-type]
    assert batch.inputs["visual"].shape == (5, 4, 3, 12, 16)
    assert batch.inputs["visual"][2, :, 0, 0, -1].tolist() == [21, 23, 25, 27]
    seen = set()
    for batch in batches(data.train_dataloader()):  # type: ignore[arg-type]
        for key, clip in zip(batch.keys, batch.inputs["visual"]):
            shown = (clip[:, 0, 0, -1] - 10 * int(key.removeprefix("train"))).tolist()
            assert [frame // 2 for frame in shown] == [0, 1, 2, 3]
            seen.add(tuple(shown))
    assert len(seen) > 1


def test_a_damaged_picture_names_the_sample(tmp_path: Path) -> None:
    data = ImageDataModule(write(tmp_path / "set", spoiled=True), batch_size=5)
    with pytest.raises(ShardError, match=r"val2.*png file is damaged"):
        batches(data.val_dataloader())  # type: ignore[arg-type]


def test_another_kind_of_data_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "set")
    with pytest.raises(DataModuleError, match=r"ClipDataModule reads .clip. only"):
        ClipDataModule(root).setup("fit")
