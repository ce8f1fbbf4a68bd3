"""A mixture whose sources keep labels and values of their own."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.source_loader import SourceLoader
from affectkit.data.modules import (
    DataModuleError,
    ImageDataModule,
    MixedDataModule,
    ShardDataModule,
    SourceTargets,
)
from affectkit.data.modules.own_targets import OwnTargets
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.labels import LabelSpace, label_space
from affectkit.types import Target


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Pictures with labels, with values, and with both."""
    folder = tmp_path_factory.mktemp("own")
    for seed, (name, targets) in enumerate((("faces", "label"), ("mood", "dims"), ("rich", "both"))):
        write_synthetic_pictures(
            folder / name,
            train=8,
            val=3,
            test=2,
            height=24,
            width=36,
            seed=seed,
            targets=targets,  # type: ignore[arg-type]
        )
    return {name: str(folder / name) for name in ("faces", "mood", "rich")}


def source(
    root: str, *, batch: int = 4, space: str | None = None, normalize: bool = False
) -> ImageDataModule:
    return ImageDataModule(
        root,
        size=24,
        crop_scale=None,
        flip=0.0,
        batch_size=batch,
        label_space=space,
        normalize=normalize,
    )


def batches(loader: SourceLoader | list[SourceLoader]) -> list[AffectBatch]:
    return [batch for part in (loader if isinstance(loader, list) else [loader]) for batch in part]


def test_a_target_is_where_its_source_is_and_absent_elsewhere(folders: dict[str, str]) -> None:
    data = MixedDataModule(
        {"faces": source(folders["faces"]), "mood": source(folders["mood"], batch=2)},
        own_targets=True,
        evaluate=["mood", "faces"],
    )
    assert data.label_space is None and data.num_dims == 0
    assert data.source_targets() == {
        "faces": SourceTargets("label", label_space("meld7.official")),
        "mood": SourceTargets("dims", None, ("valence", "arousal")),
    }
    train = list(data.train_dataloader())
    assert sorted(str(batch.meta["source"]) for batch in train) == ["faces"] * 2 + ["mood"] * 4
    evaluated = [*batches(data.val_dataloader()), *batches(data.test_dataloader())]
    evaluated += batches(data.predict_dataloader())
    assert [str(batch.meta["source"]) for batch in evaluated] == ["mood"] * 2 + ["faces"] + [
        "mood",
        "faces",
    ] * 2
    for batch in [*train, *evaluated]:
        target = batch.target
        assert target.label is None and target.dims is None and target.extra is not None
        faces, mood = target.extra["faces"], target.extra["mood"]
        assert faces.shape == (len(batch),) and mood.shape == (len(batch), 2)
        if batch.meta["source"] == "faces":
            assert bool((faces >= 0).all()) and bool(mood.isnan().all())
        else:
            assert bool((faces == -100).all()) and not bool(mood.isnan().any())
    seen = [key for batch in evaluated[:2] for key, real in zip(batch.keys, batch.valid.tolist()) if real]
    assert sorted(seen) == ["picture-000008", "picture-000009", "picture-000010"]


def test_the_numbers_are_those_of_the_source_alone(folders: dict[str, str]) -> None:
    data = MixedDataModule(
        {"rich": source(folders["rich"]), "faces": source(folders["faces"])}, own_targets=True
    )
    (alone,) = cast("list[AffectBatch]", list(source(folders["rich"]).val_dataloader()))
    (mixed,) = batches(data.val_dataloader())
    assert mixed.target.extra is not None and alone.target.label is not None and alone.target.dims is not None
    assert torch.equal(mixed.target.extra["rich"], alone.target.label)
    assert torch.equal(cast(torch.Tensor, mixed.target.weight), cast(torch.Tensor, alone.target.weight))
    chosen = MixedDataModule(
        {"rich": source(folders["rich"]), "faces": source(folders["faces"])}, own_targets={"rich": "dims"}
    )
    (mixed,) = batches(chosen.val_dataloader())
    assert mixed.target.extra is not None
    assert torch.equal(mixed.target.extra["rich"], alone.target.dims)
    assert (
        chosen.source_targets()["rich"].field == "dims" and chosen.source_targets()["faces"].field == "label"
    )


def test_each_source_counts_its_classes(folders: dict[str, str]) -> None:
    data = MixedDataModule(
        {name: source(root) for name, root in folders.items()}, own_targets=True, repeats={"faces": 3}
    )
    counts = data.source_class_counts("train")
    assert set(counts) == {"faces", "rich"}
    assert torch.equal(counts["faces"], data.sources["faces"].class_counts("train"))
    with pytest.raises(DataModuleError, match="ask source_class_counts"):
        data.class_counts("train")


def test_orders_that_differ_need_no_common_one(folders: dict[str, str]) -> None:
    sources: dict[str, ShardDataModule[Any]] = {
        "faces": source(folders["faces"], space="meld7.official"),
        "rich": source(folders["rich"], space="meld7.merbench"),
    }
    with pytest.raises(DataModuleError, match="or own_targets to true for a head each"):
        MixedDataModule(sources).setup("fit")
    data = MixedDataModule(sources, own_targets=True)
    data.setup("fit")
    spaces = {name: targets.label_space for name, targets in data.source_targets().items()}
    assert spaces == {
        name: label_space(f"meld7.{end}") for name, end in (("faces", "official"), ("rich", "merbench"))
    }


def write_votes(folder: Path, *, several: bool) -> str:
    space = LabelSpace("two.test", ("calm", "wild"), kind="multilabel" if several else "categorical")
    manifest = Manifest(
        name="votes",
        kind="image",
        label_space=space,
        licence=Licence("none", "synthetic"),
        created_by="a test",
    )
    write_synthetic_pictures(folder / "pictures", train=4, val=2, test=2, height=24, width=36)
    picture = source(str(folder / "pictures")).store("train").get(0)["png"]
    with DatasetWriter(folder / "votes", manifest) as writer:
        for number in range(4):
            record: ItemRecord = {"id": str(number), "label": None if several else number % 2}
            if several:
                record["multilabel"] = [0, 1] if number else []
            elif number:
                record["votes"] = [number, 1]
            writer.add_item("train", f"p{number}", record, members={"png": bytes(picture)})
    return str(folder / "votes")


def test_votes_and_several_labels_have_a_column_each(folders: dict[str, str], tmp_path: Path) -> None:
    root = write_votes(tmp_path, several=False)
    sources: dict[str, ShardDataModule[Any]] = {
        "votes": source(root, batch=1),
        "faces": source(folders["faces"]),
    }
    data = MixedDataModule(sources, own_targets={"votes": "distribution"})
    found = {batch.keys[0]: batch.target.extra for batch in data.train_dataloader()}
    columns = {key: extra["votes"].tolist() for key, extra in found.items() if extra is not None}
    assert {key: columns[key] for key in ("p1", "p2", "p3")} == {
        f"p{n}": [[float(n), 1.0]] for n in (1, 2, 3)
    }
    # Nobody voted on this one, and it was a batch of its own.
    assert columns["p0"][0][0] != columns["p0"][0][0] and len(columns["p0"][0]) == 2
    (tmp_path / "several").mkdir()
    root = write_votes(tmp_path / "several", several=True)
    data = MixedDataModule(
        {"tags": source(root, batch=4), "faces": source(folders["faces"])}, own_targets=True
    )
    assert data.source_targets()["tags"].field == "multilabel"
    rows = {
        key: row
        for batch in data.train_dataloader()
        if batch.meta["source"] == "tags" and batch.target.extra is not None
        for key, row in zip(batch.keys, batch.target.extra["tags"].tolist())
    }
    assert rows == {"p0": [0.0, 0.0], **{f"p{n}": [1.0, 1.0] for n in (1, 2, 3)}}


def test_votes_that_nobody_gave_are_missed_before_training(folders: dict[str, str], tmp_path: Path) -> None:
    sources: dict[str, ShardDataModule[Any]] = {
        "votes": source(write_votes(tmp_path, several=False)),
        "faces": source(folders["faces"]),
    }
    # One sample of four has none.
    MixedDataModule(sources, own_targets={"votes": "distribution"}).setup("fit")
    data = MixedDataModule(sources, own_targets={"votes": "distribution", "faces": "distribution"})
    with pytest.raises(DataModuleError, match=r"'faces' .* no sample of its train split has any: set own"):
        data.setup("fit")
    MixedDataModule(sources, own_targets={"faces": "distribution"}, evaluate="faces").setup("test")


def test_pixels_are_normalised_by_the_source_of_a_batch(folders: dict[str, str]) -> None:
    data = MixedDataModule(
        {"faces": source(folders["faces"], normalize=True), "mood": source(folders["mood"])}, own_targets=True
    )
    for batch in data.train_dataloader():
        pixels = batch.inputs["visual"]
        moved = data.on_after_batch_transfer(batch, 0).inputs["visual"]
        if batch.meta["source"] == "faces":
            assert torch.equal(moved, source(folders["faces"]).normalize(pixels))
        else:
            assert moved.dtype == torch.uint8 and torch.equal(moved, pixels)


def test_what_a_source_lacks_is_one_sentence(folders: dict[str, str], tmp_path: Path) -> None:
    faces, mood = source(folders["faces"]), source(folders["mood"])
    with pytest.raises(
        DataModuleError, match=r"own_targets for 'moods', which is none of its sources \(faces\)"
    ):
        MixedDataModule({"faces": faces}, own_targets={"moods": "dims"})
    with pytest.raises(
        DataModuleError, match=r"'faces' has no dims to be compared with \(its shards hold labels\)"
    ):
        MixedDataModule({"faces": faces}, own_targets={"faces": "dims"}).setup("fit")
    with pytest.raises(DataModuleError, match=r"'mood' has no distribution .* \(its shards hold values\)"):
        MixedDataModule({"mood": mood}, own_targets={"mood": "distribution"}).setup("test")
    manifest = Manifest(
        name="bare", kind="image", label_space=None, licence=Licence("none", "synthetic"), created_by="a test"
    )
    with DatasetWriter(tmp_path / "bare", manifest) as writer:
        writer.add_item("train", "a", {"id": "a", "label": None}, members={"png": b"none"})
    with pytest.raises(DataModuleError, match="hold neither labels nor values"):
        MixedDataModule({"bare": source(str(tmp_path / "bare"))}, own_targets=True).source_targets()


def test_it_travels_to_other_processes() -> None:
    own = OwnTargets(
        {"a": SourceTargets("label", label_space("meld7.official")), "b": SourceTargets("dims", None, ("x",))}
    )
    batch = AffectBatch(
        inputs={},
        valid=torch.ones(2, dtype=torch.bool),
        target=Target(label=torch.tensor([3, -100]), weight=torch.ones(2)),
        meta={"source": "a"},
    )
    moved = pickle.loads(pickle.dumps(own))(batch).target
    assert moved.extra["a"].tolist() == [3, -100] and bool(moved.extra["b"].isnan().all())
