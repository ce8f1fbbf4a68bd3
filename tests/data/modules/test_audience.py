"""Nodes of a transductive model: every batch holds all, and the loss reads what the plan drew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from affectkit.data import AffectBatch
from affectkit.data.loader import ItemFeatures, NodeCollate, ShardLoader
from affectkit.data.modules import AudienceDataModule, DataModuleError
from affectkit.data.modules.audience import coded_attributes
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.graph import Hypergraph, knn_hypergraph

SIZES = {"train": 7, "val": 2, "test": 4}
VOCABULARY = {"gender": ["everybody", "male", "female"]}
Change = Callable[[ItemRecord], None]


def write(folder: Path, change: Change | None = None) -> str:
    manifest = Manifest(
        name="nodes",
        kind="features",
        label_space=None,
        licence=Licence("none", "synthetic"),
        created_by="tests",
        features={"text": FeatureSpec(3, "float32", "none")},
        synthetic=True,
    )
    generator = torch.Generator().manual_seed(0)
    number = 0
    with DatasetWriter(folder, manifest) as writer:
        for split, size in SIZES.items():
            for _ in range(size):
                record: ItemRecord = {
                    "id": f"n{number}",
                    "label": None,
                    "meta": {
                        "gender": ("male", "female", None)[number % 3],
                        "video": number // 4,
                        "engagement": None if number == 2 else number / 10,
                        "emotion": float(number % 2),
                    },
                }
                if change is not None:
                    change(record)
                features = {"text": torch.randn(3, generator=generator) * 100**number**0.1}
                writer.add_item(split, f"n{number:02d}", record, features=features)
                number += 1
    return str(folder)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("audience") / "nodes")


def module(
    root: str, *, batch_size: int = 4, neighbours: int = 0, nodes: str = "all", workers: int = 0
) -> AudienceDataModule:
    assert nodes in ("all", "split")
    return AudienceDataModule(
        root,
        indicators=["engagement", "emotion"],
        attributes=["gender", "video"],
        vocabulary=VOCABULARY,
        neighbours=neighbours,
        nodes="all" if nodes == "all" else "split",
        batch_size=batch_size,
        num_workers=workers,
    )


def drawn(batch: AffectBatch) -> list[str]:
    return [key for key, real in zip(batch.keys, batch.valid.tolist(), strict=True) if real]


def test_a_batch_holds_every_node_and_marks_those_that_were_drawn(root: str) -> None:
    data = module(root)
    (batch,) = list(data.train_dataloader())
    assert len(batch) == 13 and batch.inputs["text"].shape == (13, 3)
    assert data.feature_dims == {"attributes": 3, "text": 3}
    assert batch.target.weight is not None and torch.equal(batch.target.weight, batch.valid.float())
    assert len(drawn(batch)) == 4 and set(drawn(batch)) <= {f"n{i:02d}" for i in range(7)}
    assert batch.target.extra is not None
    numbers = batch.target.extra["engagement"]
    assert numbers.shape == (13, 1) and bool(numbers[2].isnan())
    torch.testing.assert_close(numbers[3:, 0], torch.arange(3, 13) / 10)
    positions = batch.meta["positions"]
    assert isinstance(positions, list)
    store = data.store("train")
    for key, position, real in zip(batch.keys, positions, batch.valid.tolist(), strict=True):
        assert not real or store.key(position) == key


def test_the_order_of_training_and_every_sample_of_evaluation_once(root: str) -> None:
    data = module(root, batch_size=3)
    epochs = [[drawn(batch) for batch in data.train_dataloader()] for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert all(len({key for keys in epoch for key in keys}) == 6 for epoch in epochs)
    for split, loader, first in (
        ("val", data.val_dataloader(), 7),
        ("test", data.test_dataloader(), 9),
        ("test", data.predict_dataloader(), 9),
    ):
        assert isinstance(loader, ShardLoader)
        seen = [key for batch in loader for key in drawn(batch)]
        assert seen == [f"n{first + i:02d}" for i in range(SIZES[split])]


def test_ranks_share_the_drawn_rows_and_see_the_same_nodes(root: str) -> None:
    data = module(root, batch_size=4)
    whole = next(iter(data.train_dataloader()))
    parts: list[AffectBatch] = []
    for rank in range(2):
        loader: ShardLoader[ItemFeatures] = ShardLoader(
            data.store("train"),
            data.decoder("train"),
            collate=data.collate("train"),
            global_batch=4,
            rank=rank,
            world_size=2,
        )
        parts.append(next(iter(loader)))
    assert set(drawn(parts[0])) | set(drawn(parts[1])) == set(drawn(whole))
    assert not set(drawn(parts[0])) & set(drawn(parts[1]))
    for part in parts:
        assert part.keys == whole.keys
        for name, rows in part.inputs.items():
            assert torch.equal(rows, whole.inputs[name])


def test_workers_make_the_same_batches(root: str) -> None:
    one, two = (next(iter(module(root, workers=workers).train_dataloader())) for workers in (0, 1))
    assert drawn(one) == drawn(two) and torch.equal(one.inputs["text"], two.inputs["text"])
    assert isinstance(two.meta["hypergraph"], Hypergraph)


def test_hyperedges_join_those_who_share_an_attribute_and_never_what_is_predicted(root: str) -> None:
    data = module(root)
    graph = data.hypergraph("train")
    assert graph.num_nodes == 13
    table = data.table
    for number, name in enumerate(graph.names):
        members = graph.node[graph.edge == number].tolist()
        column, _, value = name.partition("=")
        assert members == [node for node in range(13) if table.attributes[column][node] == value]
    assert {name.partition("=")[0] for name in graph.names} == {"gender", "video"}
    # a batch of another split sees the same graph
    assert data.hypergraph("test") is graph


def test_neighbours_are_near_by_the_deviations_of_the_training_rows(root: str) -> None:
    data = module(root, neighbours=3)
    graph = data.hypergraph("train")
    rows = data.table.features["text"].double()
    train = rows[:7]
    scaled = (rows - train.mean(0)) / train.std(0, correction=0)
    expected = knn_hypergraph(scaled, 3)
    tail = graph.edge >= graph.num_edges - 13
    assert torch.equal(graph.node[tail], expected.node)


def test_nodes_of_the_split_alone(root: str) -> None:
    data = module(root, nodes="split", neighbours=3)
    batch = next(iter(data.test_dataloader()))
    assert batch.keys == ["n09", "n10", "n11", "n12"] and bool(batch.valid.all())
    assert data.hypergraph("test").num_nodes == 4
    assert data.hypergraph("val").num_nodes == 2  # fewer than the neighbours that were asked for
    assert isinstance(data.collate("train"), NodeCollate)


def test_attributes_are_coded_in_the_order_of_the_vocabulary(root: str) -> None:
    batch = next(iter(module(root).test_dataloader()))
    coded = batch.inputs["attributes"]
    assert coded[:3].tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    both = coded_attributes({"a": ["x", "y"], "b": ["u", None]}, {"b": ["u"], "a": ["y", "x"]})
    assert both.tolist() == [[1, 0, 1], [0, 1, 0]]


def test_training_numbers_and_features_are_those_of_the_training_split(root: str) -> None:
    data = module(root)
    assert len(data.training_numbers("emotion")) == 7
    assert torch.equal(data.training_features("text"), data.table.features["text"][:7])


def changed(name: str, value: object) -> Change:
    def change(record: ItemRecord) -> None:
        if record["id"] == "n5":
            meta = record["meta"]
            if value is None:
                del meta[name]
            else:
                assert isinstance(value, str)
                meta[name] = value

    return change


def test_refusals(root: str, tmp_path: Path) -> None:
    with pytest.raises(DataModuleError, match="'emotion' as an indicator and as an attribute"):
        AudienceDataModule(root, indicators=["emotion"], attributes=["gender", "emotion"])
    with pytest.raises(DataModuleError, match="name at least one of each"):
        AudienceDataModule(root, indicators=["emotion"], attributes=[])
    with pytest.raises(DataModuleError, match="has female, male as 'gender', none of which"):
        _ = AudienceDataModule(
            root, indicators=["emotion"], attributes=["video"], vocabulary={"gender": ["m", "w"]}
        ).table
    with pytest.raises(ShardError, match="n00' has no 'age' in its meta"):
        AudienceDataModule(root, indicators=["emotion"], attributes=["age"]).setup("fit")
    with pytest.raises(ShardError, match="n05' has no 'video' in its meta"):
        module(write(tmp_path / "a", changed("video", None))).setup("fit")
    with pytest.raises(ShardError, match="n05' has emotion = 'glad': write a number"):
        module(write(tmp_path / "b", changed("emotion", "glad"))).setup("fit")
