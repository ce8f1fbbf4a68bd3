"""Damaged samples under ``damage="mask"``: everything else stays as it was, and everything is counted."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pytest
import torch
from PIL import Image

from affectkit.data import AffectBatch, ClipDataModule, ConversationDataModule, ImageDataModule, ShardLoader
from affectkit.data.loader import DamagedRows, DamagedSampleWarning, DamageError
from affectkit.data.loader.damage import damage_limit, mask_rows
from affectkit.data.modules import ShardDataModule
from affectkit.data.schema import ShardError
from affectkit.data.shards import (
    DatasetWriter,
    FeatureSpec,
    Licence,
    Manifest,
    read_manifest,
)
from affectkit.data.shards.shard_index import open_index
from affectkit.data.store import shards_to_lmdb
from affectkit.labels import AffectScale, label_space
from affectkit.types import Target

MakeData = Callable[..., ShardDataModule[Any]]

Kind: TypeAlias = Literal["conversation", "image", "clip"]

SIZES = {"train": 10, "val": 7}
LENGTHS = (3, 5, 2, 4, 1, 5, 3, 2, 4, 1)


def picture(value: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def write(root: Path, kind: Kind) -> Path:
    template = Manifest(
        name=kind,
        kind=kind,
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        dims=AffectScale("va.test", ("valence", "arousal"), low=-1.0, high=1.0),
        extra_spaces={"mood": label_space("meld3.sentiment")},
        features={"text": FeatureSpec(3, "float32", "none")} if kind == "conversation" else {},
    )
    with DatasetWriter(root, template, shard_samples=4) as writer:
        for split, size in SIZES.items():
            for i in range(size):
                about: dict[str, Any] = {"label": i % 7, "dims": [0.5, -0.5], "extra": {"mood": i % 3}}
                key = f"{split}{i}"
                if kind == "conversation":
                    turns = [{"id": str(j), "text": "so", "speaker": 0, **about} for j in range(LENGTHS[i])]
                    record: Any = {"id": key, "speakers": ["a"], "utterances": turns}
                    text = torch.full((LENGTHS[i], 3), float(i + 1))
                    writer.add_conversation(split, key, record, features={"text": text})
                else:
                    members = {"png": picture(i)}
                    if kind == "clip":
                        members = {f"frame-{j}.png": picture(10 * i + j) for j in range(4)}
                    item: Any = {"id": key, **about}
                    writer.add_item(split, key, item, members=members)
    return root


def spoil(root: Path, split: str, numbers: Sequence[int], ext: str) -> None:
    """Fill the middle of members with other bytes, in the tars, whose sizes and headers stay."""
    wanted = {f"{split}{number}" for number in numbers}
    for entry in read_manifest(root).split_shards(split):
        index = open_index(root / entry.index_name)
        tar = bytearray((root / entry.name).read_bytes())
        for sample in range(len(index)):
            for member in index.members(sample):
                if index.key(sample) in wanted and member.ext == ext:
                    middle = member.offset + member.size // 4
                    end = member.offset + member.size
                    tar[middle:end] = b"\xff" * (end - middle)
        (root / entry.name).write_bytes(bytes(tar))


def spoil_lmdb(root: Path, spoiled: Path) -> None:
    """Do the same to an LMDB: build it from spoiled shards whose checksums have been made right."""
    manifest = json.loads((spoiled / "manifest.json").read_text())
    for entry in manifest["shards"]:
        path = spoiled / entry["name"]
        index = (spoiled / f"{entry['name']}.idx").read_bytes()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        changed = index.replace(entry["sha256"].encode(), digest.encode())
        (spoiled / f"{entry['name']}.idx").write_bytes(changed)
        entry["sha256"], entry["index_sha256"] = digest, hashlib.sha256(changed).hexdigest()
    (spoiled / "manifest.json").write_text(json.dumps(manifest))
    shards_to_lmdb(spoiled, root)


def module(kind: Kind, root: Path, **options: Any) -> ShardDataModule[Any]:
    options = {"batch_size": 4, "seed": 3, **options}
    if kind == "conversation":
        return ConversationDataModule(str(root), **options)
    if kind == "clip":
        return ClipDataModule(str(root), size=8, segments=2, **options)
    return ImageDataModule(str(root), size=8, **options)


def read(loader: object) -> list[AffectBatch]:
    assert isinstance(loader, ShardLoader)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedSampleWarning)
        return list(loader)


CASES: list[tuple[Kind, str, tuple[int, ...]]] = [
    ("conversation", "json", (2, 4)),
    ("conversation", "safetensors", (1, 2)),
    ("image", "json", (2, 4)),
    ("image", "png", (0, 2)),
    ("clip", "frame-1.png", (1, 6)),
]


def damaged_rows(batch: AffectBatch) -> DamagedRows:
    found = batch.meta["damaged"]
    assert isinstance(found, DamagedRows)
    return found


def compare(whole: list[AffectBatch], masked: list[AffectBatch], lost: set[str]) -> None:
    """The same batches, but for rows of ``lost``, which hold nothing and weigh nothing."""
    assert len(whole) == len(masked)
    for a, b in zip(whole, masked, strict=True):
        assert a.keys == b.keys and torch.equal(a.valid, b.valid)
        assert a.meta["positions"] == b.meta["positions"]
        bad = torch.tensor([key in lost for key in a.keys])
        for name, tensor in a.inputs.items():
            assert b.inputs[name].shape == tensor.shape and b.inputs[name].dtype == tensor.dtype
            assert torch.equal(b.inputs[name][~bad], tensor[~bad])
            assert not b.inputs[name][bad].any()
        for name, tensor in a.masks.items():
            assert torch.equal(b.masks[name][~bad], tensor[~bad])
            assert b.masks[name][bad].any(dim=1).all()
        for name, tensor in a.present.items():
            assert torch.equal(b.present[name][~bad], tensor[~bad]) and not b.present[name][bad].any()
        for field in ("label", "dims", "weight"):
            one, two = getattr(a.target, field), getattr(b.target, field)
            assert one.shape == two.shape
            assert torch.equal(one[~bad].nan_to_num(9), two[~bad].nan_to_num(9))
        assert a.target.extra is not None and b.target.extra is not None
        assert torch.equal(a.target.extra["mood"][~bad], b.target.extra["mood"][~bad])
        assert b.target.label is not None and b.target.dims is not None and b.target.weight is not None
        assert (b.target.label[bad] == -100).all() and (b.target.extra["mood"][bad] == -100).all()
        assert b.target.dims[bad].isnan().all() and not b.target.weight[bad].any()
        assert damaged_rows(b).rows == sum(
            key in lost and bool(real) for key, real in zip(b.keys, b.valid, strict=True)
        )
        assert set(damaged_rows(b).reasons) == {
            key for key, real in zip(b.keys, b.valid, strict=True) if real and key in lost
        }


@pytest.mark.parametrize(("kind", "ext", "numbers"), CASES)
@pytest.mark.parametrize("store", ["shards", "lmdb"])
def test_other_rows_stay_and_damage_is_counted(
    kind: Kind, ext: str, numbers: tuple[int, ...], store: str, tmp_path: Path
) -> None:
    whole, root = write(tmp_path / "whole", kind), write(tmp_path / "set", kind)
    for split in SIZES:
        spoil(root, split, numbers, ext)
    if store == "lmdb":
        spoil_lmdb(tmp_path / "lmdb", root)
        root = tmp_path / "lmdb"
    for split in SIZES:
        sound, other = module(kind, whole), module(kind, root, damage="mask", max_damaged=0.5)
        loaders = [
            data.train_dataloader() if split == "train" else data.val_dataloader() for data in (sound, other)
        ]
        first, second = map(read, loaders)
        lost = {f"{split}{number}" for number in numbers}
        compare(first, second, lost)
        shown = sum(key in lost for batch in second for key, real in zip(batch.keys, batch.valid) if real)
        assert sum(damaged_rows(batch).rows for batch in second) == shown
        if split == "val":
            assert shown == len(numbers)


def test_workers_and_ranks_find_the_same(tmp_path: Path) -> None:
    root = write(tmp_path / "set", "image")
    spoil(root, "val", (1, 5), "png")
    alone = read(module("image", root, damage="mask", max_damaged=2).val_dataloader())
    workers = read(module("image", root, damage="mask", max_damaged=2, num_workers=2).val_dataloader())
    data = module("image", root)
    ranks = [
        read(
            ShardLoader(
                data.store("val"),
                data.decoder("val"),
                collate=data.collate("val"),
                global_batch=4,
                shuffle="none",
                tail="mask",
                rank=rank,
                world_size=2,
                damage="mask",
                max_damaged=2,
            )
        )
        for rank in range(2)
    ]
    for one, two in zip(alone, workers, strict=True):
        assert torch.equal(one.inputs["visual"], two.inputs["visual"])
        assert damaged_rows(one) == damaged_rows(two)
    for number, batch in enumerate(alone):
        parts = [rank[number] for rank in ranks]
        assert torch.equal(batch.inputs["visual"], torch.cat([part.inputs["visual"] for part in parts]))
        assert damaged_rows(batch).rows == sum(damaged_rows(part).rows for part in parts)


@pytest.mark.parametrize("kind", ["conversation", "image"])
def test_a_batch_without_a_sound_sample_has_its_shape(kind: Kind, tmp_path: Path) -> None:
    root = write(tmp_path / "set", kind)
    ext = "json" if kind == "conversation" else "png"
    spoil(root, "val", range(4), ext)
    first, second = read(module(kind, root, damage="mask", max_damaged=4).val_dataloader())
    name = "text" if kind == "conversation" else "visual"
    assert first.inputs[name].shape[1:] == ((1, 3) if kind == "conversation" else (3, 8, 8))
    assert not first.inputs[name].any() and second.inputs[name].any()
    assert first.target.weight is not None and not first.target.weight.any() and first.valid.all()
    assert damaged_rows(first).rows == 4
    spoil(root, "val", range(7), ext)
    if kind == "image":
        with pytest.raises(DamageError, match="No sample of split 'val' can be read"):
            read(module(kind, root, damage="mask", max_damaged=1.0).val_dataloader())


def test_a_conversation_keeps_its_length_where_its_record_is_sound(tmp_path: Path) -> None:
    root = write(tmp_path / "set", "conversation")
    spoil(root, "val", (1,), "safetensors")
    first, _ = read(module("conversation", root, damage="mask", max_damaged=1).val_dataloader())
    assert first.masks["utterance"].sum(dim=1).tolist() == [3, 5, 2, 4]


@pytest.mark.parametrize(("allowed", "limit"), [(1, 1), (0.2, 1), (0.0, 0), (0, 0)])
def test_more_than_is_allowed_is_an_error_with_names(allowed: float, limit: int, tmp_path: Path) -> None:
    root = write(tmp_path / "set", "image")
    spoil(root, "val", (1, 2), "png")
    data = module("image", root, damage="mask", max_damaged=allowed)
    with pytest.raises(DamageError, match=rf"allows {limit} .*sample 'val1'.*shards check"):
        read(data.val_dataloader())


def test_the_default_is_an_error_at_the_first(tmp_path: Path) -> None:
    root = write(tmp_path / "set", "image")
    spoil(root, "val", (2,), "png")
    with pytest.raises(ShardError, match="val2"):
        read(module("image", root).val_dataloader())


def test_each_sample_is_warned_of_once_and_listed_for_the_epoch(tmp_path: Path) -> None:
    root = write(tmp_path / "set", "image")
    spoil(root, "val", (2, 4), "png")
    loader = module("image", root, damage="mask", max_damaged=2).val_dataloader()
    assert isinstance(loader, ShardLoader)
    with pytest.warns(DamagedSampleWarning) as caught:
        for _ in range(2):
            assert len(list(loader)) == 2
            assert list(loader.damaged) == ["val2", "val4"]
    assert [("val2" in str(w.message), "val4" in str(w.message)) for w in caught] == [
        (True, False),
        (False, True),
    ]


def test_sizes_that_differ_are_no_damage(tmp_path: Path) -> None:
    """What is wrong with a batch, and not with a sample of it, stays an error."""
    template = Manifest(
        name="set",
        kind="image",
        label_space=None,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(tmp_path / "set", template) as writer:
        for side in (8, 9):
            file = io.BytesIO()
            Image.new("RGB", (side, side)).save(file, format="PNG")
            writer.add_item("val", f"k{side}", {"id": "x", "label": None}, members={"png": file.getvalue()})
    data = ImageDataModule(str(tmp_path / "set"), size=None, batch_size=2, damage="mask", max_damaged=1.0)
    with pytest.raises(ShardError, match="give the data module a size"):
        read(data.val_dataloader())


def test_a_scan_of_the_train_split_passes_over_damage(tmp_path: Path) -> None:
    root = write(tmp_path / "set", "conversation")
    spoil(root, "train", (1,), "json")
    spoil(root, "train", (0,), "safetensors")
    data = ConversationDataModule(
        str(root), batch_size=2, bucket_by_length=True, damage="mask", max_damaged=2
    )
    assert data.lengths("train") == [LENGTHS[0], 1, *LENGTHS[2:]]
    assert data.feature_statistics()["text"].rows == sum(LENGTHS[2:])
    assert sum(damaged_rows(batch).rows for batch in read(data.train_dataloader())) == 2
    with pytest.raises(ShardError):
        ConversationDataModule(str(root), bucket_by_length=True).lengths("train")


def test_the_limit_is_a_number_or_a_share() -> None:
    assert [damage_limit(a, 50) for a in (3, 0.1, 0.01, 1.0)] == [3, 5, 0, 50]
    for wrong in (-1, 1.5, -0.1):
        with pytest.raises(DamageError, match="share of an epoch"):
            damage_limit(wrong, 50)


def test_masking_covers_every_kind_of_target() -> None:
    batch = AffectBatch(
        inputs={"text": torch.ones(2, 3)},
        valid=torch.tensor([True, True]),
        present={"text": torch.ones(2, dtype=torch.bool)},
        target=Target(
            label=torch.tensor([1, 2]),
            distribution=torch.ones(2, 2),
            multilabel=torch.ones(2, 2),
            extra={"age": torch.tensor([1.0, 2.0]), "mood": torch.tensor([1, 2])},
        ),
    )
    mask_rows(batch, [1])
    assert batch.inputs["text"].tolist() == [[1, 1, 1], [0, 0, 0]]
    assert batch.present["text"].tolist() == [True, False] and batch.valid.all()
    target = batch.target
    assert target.label is not None and target.label.tolist() == [1, -100]
    for votes in (target.distribution, target.multilabel):
        assert votes is not None and votes[1].isnan().all() and not votes[0].isnan().any()
    assert target.extra is not None
    assert target.extra["mood"].tolist() == [1, -100] and target.extra["age"][1].isnan()
    assert target.weight is not None and target.weight.tolist() == [1, 0]
