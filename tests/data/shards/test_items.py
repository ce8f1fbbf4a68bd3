"""Single items in shards: checks against the manifest, counts, and the complete check."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import torch

from affectkit.data.schema import ItemRecord, ShardError, canonical_json
from affectkit.data.shards import (
    DatasetWriter,
    FeatureSpec,
    Licence,
    Manifest,
    ShardWriter,
    find_item,
    open_shards,
    sample_labels,
    write_manifest,
)
from affectkit.data.store import check_dataset
from affectkit.labels import affect_scale, label_space


def template(space: str = "fer7.official", *, features: Mapping[str, FeatureSpec] | None = None) -> Manifest:
    return Manifest(
        name="faces",
        kind="image",
        label_space=label_space(space),
        extra_spaces={"sentiment": label_space("meld3.sentiment")},
        dims=affect_scale("va.unit"),
        features=features or {},
        licence=Licence("none", "unknown"),
        created_by="a test",
    )


def test_items_are_written_counted_and_whole(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "out", template()) as writer:
        writer.add_item("train", "a", {"id": "a", "label": 3, "dims": [0.5, None]}, members={"txt": b"x"})
        writer.add_item("train", "b", {"id": "b", "label": None, "votes": [0, 1, 0, 2, 0, 0, 0]})
        writer.add_item("train", "c", {"id": "c", "label": 3, "extra": {"sentiment": 2}})
    assert writer.manifest.class_counts == {"train": (0, 0, 0, 2, 0, 0, 0)}
    assert writer.manifest.shards[0].items == 3
    assert check_dataset(tmp_path / "out").problems == ()
    store = open_shards(tmp_path / "out", "train")
    assert find_item(store.get(0), where="a") == {"id": "a", "label": 3, "dims": [0.5, None]}


def test_every_label_of_a_multilabel_item_is_counted(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "out", template("goemotions7.ekman")) as writer:
        writer.add_item("train", "a", {"id": "a", "label": None, "multilabel": [0, 2]})
        writer.add_item("train", "b", {"id": "b", "label": None, "multilabel": [2]})
        writer.add_item("train", "c", {"id": "c", "label": None, "multilabel": []})
    assert writer.manifest.class_counts == {"train": (1, 0, 2, 0, 0, 0, 0)}
    assert writer.manifest.shards[0].items == 3
    assert check_dataset(tmp_path / "out").problems == ()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": "a", "label": 7}, "the label is 7, but its label space has 7"),
        ({"id": "a", "label": None, "multilabel": [1]}, "allows one label only"),
        ({"id": "a", "label": 1, "votes": [1, 2]}, "2 votes for 7 labels"),
        ({"id": "a", "label": 1, "extra": {"scene": 1}}, "no extra label space 'scene'"),
        ({"id": "a", "label": 1, "extra": {"sentiment": 3}}, "extra label 'sentiment' is 3"),
        ({"id": "a", "label": 1, "dims": [0.5]}, "got 1 values"),
        ({"id": "a", "label": 1, "dims": [0.5, 2.0]}, "arousal 2 lies outside"),
        ({"id": "a"}, "missing label"),
    ],
)
def test_an_item_that_does_not_fit_is_refused(tmp_path: Path, record: object, message: str) -> None:
    with (
        pytest.raises(ShardError, match=message),
        DatasetWriter(tmp_path / "out", template()) as writer,
    ):
        writer.add_item("train", "a", cast(ItemRecord, record))
    assert not (tmp_path / "out").exists()


def test_labels_must_be_of_the_kind_of_the_space(tmp_path: Path) -> None:
    with (
        pytest.raises(ShardError, match="list it in multilabel"),
        DatasetWriter(tmp_path / "out", template("goemotions7.ekman")) as writer,
    ):
        writer.add_item("train", "a", {"id": "a", "label": 1})


def test_features_are_a_vector_or_a_sequence_of_the_stated_width(tmp_path: Path) -> None:
    features = {"audio": FeatureSpec(3, "float32", "made up")}
    with DatasetWriter(tmp_path / "out", template(features=features)) as writer:
        writer.add_item("train", "a", {"id": "a", "label": 1}, features={"audio": torch.zeros(3)})
        writer.add_item("train", "b", {"id": "b", "label": 1}, features={"audio": torch.zeros(5, 3)})
        for wrong in (
            {},
            {"audio": torch.zeros(2)},
            {"audio": torch.zeros(3).double()},
            {"x": torch.zeros(3)},
        ):
            with pytest.raises(ShardError, match=r"audio|x"):
                writer.add_item("train", "c", {"id": "c", "label": 1}, features=wrong)
    assert check_dataset(tmp_path / "out").ok


def test_the_check_finds_an_item_that_does_not_fit(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "train-00000.tar", "train", num_classes=7) as shard:
        shard.add("a", {"json": canonical_json({"id": "a", "label": 1, "votes": [1]})}, labels=[1])
        shard.add("b", {"json": canonical_json({"id": "b", "label": "happy"})})
        shard.add("c", {"json": canonical_json({"id": "c", "label": None, "dims": [3.0, 0.0]})})
    write_manifest(tmp_path, template())
    problems = check_dataset(tmp_path).problems
    assert len(problems) == 3
    assert "1 votes for 7 labels" in problems[0]
    assert "'happy'" in problems[1]
    assert "valence 3 lies outside" in problems[2]


def test_json_of_others_counts_as_no_label() -> None:
    for other in ({"id": "a", "label": "cat", "caption": "a cat"}, {"caption": "a cat"}, [1, 2]):
        assert sample_labels({"json": canonical_json(other)}, kind="image", where="x") == [None]
    both = {"cls": b"2", "json": canonical_json({"id": "a", "label": 1})}
    assert sample_labels(both, kind="image", where="x") == [2]
