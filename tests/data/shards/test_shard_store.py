from __future__ import annotations

import json
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.shards import ShardStore, Verify, open_shards, read_manifest
from affectkit.data.shards import shard_store as shard_store_module
from affectkit.data.store import SampleStore

MakeSet = Callable[..., Path]


def read_all(store: SampleStore) -> list[tuple[str, dict[str, bytes]]]:
    return [
        (store.key(i), {ext: bytes(data) for ext, data in store.get(i).items()}) for i in range(len(store))
    ]


def test_positions_cross_shards(make_set: MakeSet) -> None:
    root = make_set()
    store = open_shards(root, "train")
    assert store.counts == (3, 3)
    assert len(store) == 6
    found = read_all(store)
    assert [key for key, _ in found] == [f"talk{n}" for n in (0, 1, 2, 4, 5, 6)]
    for key, members in found:
        assert sorted(members) == ["json", "safetensors"]
        assert json.loads(members["json"])["id"] == key
    assert store.get(0)["json"].readonly
    assert store.describe(3) == f"{root / 'train-00001.tar'}, sample 'talk4'"
    for wrong in (-1, 6):
        with pytest.raises(IndexError, match="6 samples"):
            store.get(wrong)


def test_the_fingerprint_follows_the_content(make_set: MakeSet) -> None:
    one, two = make_set("one"), make_set("two", samples=9)
    assert open_shards(one, "train").fingerprint == open_shards(make_set("three"), "train").fingerprint
    assert open_shards(one, "train").fingerprint != open_shards(two, "train").fingerprint
    assert open_shards(one, "val").fingerprint == open_shards(two, "val").fingerprint


def test_a_pickled_store_carries_no_bytes_of_data(make_set: MakeSet) -> None:
    store = open_shards(make_set(), "train")
    expected = read_all(store)
    data = pickle.dumps(store)
    assert b"turn 0 of" not in data
    assert read_all(pickle.loads(data)) == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same(make_set: MakeSet, method: str) -> None:
    store = open_shards(make_set(), "train")
    expected = read_all(store)  # mapped before the fork
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert [pool.apply(store.key, (i,)) for i in range(len(store))] == [key for key, _ in expected]
        assert pool.apply(read_all, (store,)) == expected


def test_handles_are_bounded_and_slices_stay_valid(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_store_module, "_MAX_MAPPED", 1)
    store = open_shards(make_set(), "train")
    first = store.get(0)["json"]
    copy = bytes(first)
    assert read_all(store) == read_all(store)
    assert len(store._maps) == 1
    assert bytes(first) == copy


def test_an_unknown_split_or_level_is_named(make_set: MakeSet) -> None:
    root = make_set()
    with pytest.raises(ShardError, match="it has train, val"):
        open_shards(root, "test")
    with pytest.raises(ShardError, match="size, headers, sha256"):
        open_shards(root, "train", verify="all")  # type: ignore[arg-type]


LEVELS: tuple[Verify, ...] = ("size", "headers", "sha256")


@pytest.mark.parametrize("verify", LEVELS)
def test_every_truncation_is_an_error_at_the_start(make_set: MakeSet, verify: Verify) -> None:
    root = make_set()
    for name in ("train-00001.tar", "train-00001.tar.idx"):
        data = (root / name).read_bytes()
        for stop in sorted({*range(0, len(data), 512), *range(77, len(data), 1023), len(data) - 1}):
            (root / name).write_bytes(data[:stop])
            with pytest.raises(ShardError, match="train-00001"):
                open_shards(root, "train", verify=verify)
        (root / name).unlink()
        with pytest.raises(ShardError, match="train-00001"):
            open_shards(root, "train", verify=verify)
        (root / name).write_bytes(data)
    open_shards(root, "train", verify=verify)


def test_every_flipped_byte_is_found_by_sha256_and_headers_by_headers(make_set: MakeSet) -> None:
    root = make_set()
    for name in ("train-00000.tar", "train-00000.tar.idx"):
        path = root / name
        data = path.read_bytes()
        for place in range(0, len(data), 97):
            changed = bytearray(data)
            changed[place] ^= 0x10
            path.write_bytes(changed)
            with pytest.raises(ShardError):
                open_shards(root, "train", verify="sha256")
        path.write_bytes(data)
    changed = bytearray((root / "train-00000.tar").read_bytes())
    changed[0] ^= 1  # the first letter of the first key
    (root / "train-00000.tar").write_bytes(changed)
    open_shards(root, "train", verify="size")
    with pytest.raises(ShardError, match="checksum"):
        open_shards(root, "train", verify="headers")


def test_a_swapped_index_is_found(make_set: MakeSet) -> None:
    root, other = make_set(), make_set("other", samples=12)
    (root / "val-00000.tar.idx").write_bytes((other / "val-00000.tar.idx").read_bytes())
    with pytest.raises(ShardError, match="another shard"):
        open_shards(root, "val")


def test_a_shard_cut_after_opening_is_an_error_at_the_sample(make_set: MakeSet) -> None:
    root = make_set()
    store = ShardStore(root, read_manifest(root), "train")
    (root / "train-00000.tar").write_bytes(b"")
    with pytest.raises(ShardError, match="was cut"):
        store.get(0)
