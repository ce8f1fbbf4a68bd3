from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.data.schema import ShardError
from affectkit.data.shards import FeatureSpec, Licence, Manifest, ShardEntry, read_manifest
from affectkit.labels import affect_scale, label_space


def entry(name: str = "train-00000.tar", split: str = "train") -> ShardEntry:
    return ShardEntry(
        name=name,
        split=split,
        samples=2,
        items=5,
        bytes=4096,
        sha256="ab",
        class_counts=(1, 0, 0, 2, 0, 0, 0),
    )


def full() -> Manifest:
    return Manifest(
        name="talks",
        kind="conversation",
        label_space=label_space("meld7.official"),
        extra_spaces={"sentiment": label_space("meld3.sentiment")},
        dims=affect_scale("vad.emobank"),
        features={"text": FeatureSpec(3, "float32", "tiny")},
        licence=Licence("CC0", "open", "any use"),
        created_by="a test",
        shards=(entry(), entry("train-00001.tar"), entry("test-00000.tar", "test")),
    )


def test_json_round_trip_and_equal_bytes() -> None:
    manifest = full()
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert full().to_json() == manifest.to_json()
    bare = replace(manifest, label_space=None, dims=None, shards=(), extra_spaces={}, features={})
    assert Manifest.from_json(bare.to_json()) == bare


def test_counts_are_sums_over_shards_in_order_of_splits() -> None:
    manifest = full()
    assert manifest.splits == ("train", "test")
    assert manifest.class_counts["train"] == (2, 0, 0, 4, 0, 0, 0)
    with pytest.raises(ShardError, match="it has train, test"):
        manifest.split_shards("val")


@pytest.mark.parametrize(
    "name", ["../evil.tar", "/evil.tar", "a/b.tar", "a\\b.tar", ".tar", "x.tgz", "..tar"]
)
def test_a_manifest_cannot_name_files_elsewhere(name: str) -> None:
    text = full().to_json().decode().replace("train-00001.tar", json.dumps(name)[1:-1])
    with pytest.raises(ShardError, match="shard name"):
        Manifest.from_json(text.encode())


def change(name: str, value: object) -> bytes:
    data: dict[str, object] = json.loads(full().to_json())
    if value is ...:
        del data[name]
    else:
        data[name] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("version", 2, "upgrade"),
        ("version", True, "whole number"),
        ("format", "other", "upgrade"),
        ("name", ..., "missing 'name'"),
        ("kind", "sculpture", "kind"),
        ("shards", {}, "must be a list"),
        ("class_counts", {"train": [9] * 7, "test": [0] * 7}, "contradicts"),
        ("label_space", {"name": "x", "labels": ["a", "a"]}, "more than once"),
        ("label_space", {"name": "x", "labels": ["a", "b"]}, "classes"),
        ("licence", {"name": "x", "klass": "mine", "terms": ""}, "licence class"),
        ("synthetic", 0, "true or false"),
        ("features", {"text": {"dim": -1, "dtype": "f", "encoder": "e"}}, "whole number"),
    ],
)
def test_a_damaged_manifest_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        Manifest.from_json(change(name, value), where="m.json")


def test_a_shard_listed_twice_is_refused() -> None:
    with pytest.raises(ShardError, match="twice"):
        replace(full(), shards=(entry(), entry()))


def test_an_absent_manifest_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="affectkit shards make"):
        read_manifest(tmp_path)


def test_every_truncation_is_refused() -> None:
    data = full().to_json().rstrip()
    for stop in range(0, len(data), 7):
        with pytest.raises(ShardError):
            Manifest.from_json(data[:stop])


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(json.loads(full().to_json()))), value=plain)
def test_any_replaced_field_is_accepted_or_refused_but_never_breaks(name: str, value: object) -> None:
    try:
        manifest = Manifest.from_json(change(name, value))
    except ShardError:
        return
    assert Manifest.from_json(manifest.to_json()) == manifest


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ShardError):
        Manifest.from_json(data)
