"""The LMDB store: the shards' samples, in every process, and damage found before it can kill."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.shards import (
    MANIFEST_NAME,
    DatasetWriter,
    Licence,
    Manifest,
    Verify,
    open_shards,
    read_manifest,
)
from affectkit.data.store import SampleStore, check_dataset, open_lmdb, open_store, shards_to_lmdb
from affectkit.data.store.lmdb_store import SEAL_NAME, LmdbStore
from affectkit.labels import label_space

MakeItems = Callable[..., Path]
Samples = list[tuple[str, list[tuple[str, bytes]]]]


def read_all(store: SampleStore) -> Samples:
    return [
        (store.key(i), [(ext, bytes(data)) for ext, data in store.get(i).items()]) for i in range(len(store))
    ]


@pytest.fixture
def shards(make_items: MakeItems) -> Path:
    return make_items()


@pytest.fixture
def root(shards: Path, tmp_path: Path) -> Path:
    shards_to_lmdb(shards, tmp_path / "lmdb")
    return tmp_path / "lmdb"


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("verify", ["size", "headers", "sha256"])
def test_it_holds_what_the_shards_hold(shards: Path, root: Path, split: str, verify: Verify) -> None:
    store, expected = open_lmdb(root, split, verify=verify), open_shards(shards, split)
    assert read_all(store) == read_all(expected)
    assert (len(store), store.counts, store.split) == (len(expected), expected.counts, expected.split)
    assert store.fingerprint == expected.fingerprint  # a run may change from one to the other
    assert store.manifest == expected.manifest


def test_places_are_named_and_bounded(root: Path) -> None:
    store = open_lmdb(root, "train")
    assert store.describe(3) == f"{root}, split 'train', sample 'k4'"
    assert store.get(0)["txt"].readonly
    for wrong in (-1, len(store)):
        with pytest.raises(IndexError, match="7 samples"):
            store.get(wrong)
    with pytest.raises(ShardError, match="has no split 'test'"):
        open_lmdb(root, "test")
    with pytest.raises(ShardError, match="verify='all' is unknown"):
        open_lmdb(root, "train", verify="all")  # type: ignore[arg-type]


def test_open_store_knows_both_kinds(shards: Path, root: Path) -> None:
    assert isinstance(open_store(root, "train"), LmdbStore)
    assert read_all(open_store(root, "val")) == read_all(open_store(shards, "val"))
    assert not isinstance(open_store(shards, "train"), LmdbStore)


def test_several_stores_of_a_file_live_in_one_process(root: Path) -> None:
    one, two, val = open_lmdb(root, "train"), open_lmdb(root, "train"), open_lmdb(root, "val")
    assert read_all(one) == read_all(two) != read_all(val)


def test_a_pickled_store_carries_no_handle(root: Path) -> None:
    store = open_lmdb(root, "train")
    data = pickle.dumps(store)
    assert b"text 0" not in data
    (root / "data.mdb").rename(root / "away")
    copy: LmdbStore = pickle.loads(data)  # opens nothing yet
    (root / "away").rename(root / "data.mdb")
    assert read_all(copy) == read_all(store)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same(root: Path, method: str) -> None:
    store = open_lmdb(root, "train")
    expected = read_all(store)  # opened before the fork
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        assert pool.submit(read_all, store).result(timeout=60) == expected
    assert read_all(store) == expected


def test_a_store_inherited_by_a_fork_opens_the_file_anew(root: Path) -> None:
    store = open_lmdb(root, "train")
    expected = read_all(store)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # the store is the parent's object here, not a pickled copy
        try:
            here = store._reader
            right = read_all(store) == expected and store._reader is not here
            os.write(writing, b"1" if right else b"0")
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 1) == b"1"
    os.close(reading)
    assert read_all(store) == expected


@pytest.mark.parametrize("kept", [0, 100, 4096, 3 * 4096, -1])
def test_a_cut_file_is_an_error_and_not_a_crash(root: Path, kept: int) -> None:
    path = root / "data.mdb"
    os.truncate(path, kept if kept >= 0 else path.stat().st_size - 1)
    with pytest.raises(ShardError, match=r"data\.mdb has \d+ bytes"):
        open_lmdb(root, "train")
    with pytest.raises(ShardError, match=r"data\.mdb has another sha256"):
        open_lmdb(root, "train", verify="sha256")


def test_the_check_reads_an_lmdb(root: Path) -> None:
    seen: list[str] = []
    report = check_dataset(root, on_shard=seen.append)
    assert (report.problems, report.samples, report.items) == ((), 9, 9)
    assert seen == ["train", "val"]
    assert check_dataset(root, quick=True).ok
    path = root / "data.mdb"
    data = bytearray(path.read_bytes())
    data[data.index(b"text 2 ")] ^= 1
    path.write_bytes(data)
    assert check_dataset(root, quick=True).ok
    (problem,) = check_dataset(root).problems
    assert "another sha256" in problem


def test_the_check_finds_what_was_wrong_before_the_build(tmp_path: Path) -> None:
    template = Manifest(
        name="items",
        kind="text",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "open"),
        created_by="a test",
    )
    with DatasetWriter(tmp_path / "shards", template) as writer:
        writer.add("train", "k0", {"cls": b"3"}, labels=[3])
        writer.add("train", "k1", {"cls": b"3"}, labels=[2])  # counted otherwise than it is stored
        writer.add("val", "k2", {"txt": b"\xff"})
    shards_to_lmdb(tmp_path / "shards", tmp_path / "lmdb")
    counts, text = check_dataset(tmp_path / "lmdb").problems
    assert "data.mdb holds other labels" in counts
    assert "split 'val', sample 'k2', member 'txt'" in text


def test_a_flipped_bit_is_found_by_the_checksum(root: Path) -> None:
    path = root / "data.mdb"
    data = bytearray(path.read_bytes())
    data[data.index(b"text 2 ")] ^= 1
    path.write_bytes(data)
    open_lmdb(root, "train")
    with pytest.raises(ShardError, match="another sha256"):
        open_lmdb(root, "train", verify="sha256")


def test_an_unfinished_or_foreign_folder_is_an_error(root: Path, tmp_path: Path) -> None:
    (root / SEAL_NAME).rename(tmp_path / SEAL_NAME)
    with pytest.raises(ShardError, match=r"lmdb\.json cannot be read"):
        open_lmdb(root, "train")
    (root / SEAL_NAME).write_bytes(
        (tmp_path / SEAL_NAME).read_bytes().replace(b'"version":1', b'"version":2')
    )
    with pytest.raises(ShardError, match="upgrade affectkit"):
        open_lmdb(root, "train")


def test_a_manifest_of_another_set_is_an_error(root: Path, make_items: MakeItems) -> None:
    other = make_items("other", samples=5)
    (root / MANIFEST_NAME).write_bytes((other / MANIFEST_NAME).read_bytes())
    with pytest.raises(ShardError, match="holds another manifest"):
        open_lmdb(root, "train")


def test_a_rebuilt_set_is_not_read_through_an_old_store(
    shards: Path, root: Path, make_items: MakeItems
) -> None:
    store = open_lmdb(root, "train")
    expected, copy = read_all(store), pickle.dumps(store)
    shards_to_lmdb(make_items("other", samples=12), root, overwrite=True)
    assert read_all(store) == expected  # it still has the file that it opened
    late: LmdbStore = pickle.loads(copy)
    with pytest.raises(ShardError, match="rebuilt"):
        late.get(0)
    assert len(open_lmdb(root, "train")) == 9
    assert read_manifest(root).name == "items"
