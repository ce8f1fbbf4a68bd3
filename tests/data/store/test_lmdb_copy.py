"""Shards to LMDB and back: byte for byte, all or nothing, also when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import webdataset

from affectkit.cli.main import main
from affectkit.data.schema import ShardError
from affectkit.data.shards import (
    DatasetWriter,
    Licence,
    Manifest,
    ShardWriter,
    index_foreign,
    open_shards,
    read_manifest,
    write_manifest,
)
from affectkit.data.store import lmdb_to_shards, open_lmdb, shards_to_lmdb
from affectkit.labels import label_space

MakeItems = Callable[..., Path]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_and_back_gives_the_same_bytes(make_items: MakeItems, tmp_path: Path) -> None:
    shards = make_items()
    seen: list[tuple[str, str]] = []
    manifest = shards_to_lmdb(shards, tmp_path / "lmdb", on_sample=lambda *sample: seen.append(sample))
    assert manifest == read_manifest(shards)
    assert sorted(seen) == sorted(("val" if i % 4 == 3 else "train", f"k{i}") for i in range(9))
    assert sorted(contents(tmp_path / "lmdb")) == ["data.mdb", "lmdb.json", "manifest.json"]
    again: list[tuple[str, str]] = []
    back = lmdb_to_shards(
        tmp_path / "lmdb", tmp_path / "back", on_sample=lambda *sample: again.append(sample)
    )
    assert back == manifest
    assert sorted(again) == sorted(seen)
    assert contents(tmp_path / "back") == contents(shards)


def test_items_with_several_labels_come_back(tmp_path: Path) -> None:
    template = Manifest(
        name="several",
        kind="text",
        label_space=label_space("goemotions28.official"),
        licence=Licence("CC0", "open"),
        created_by="a test",
    )
    with DatasetWriter(tmp_path / "shards", template, shard_samples=2) as writer:
        for i, labels in enumerate([(0, 4, 7), (4,), (), (1, 2)]):
            writer.add("train", f"k{i}", {"txt": b"x"}, labels=[labels])
    shards_to_lmdb(tmp_path / "shards", tmp_path / "lmdb")
    lmdb_to_shards(tmp_path / "lmdb", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "shards")


def test_equal_shards_give_equal_lmdbs(make_items: MakeItems, tmp_path: Path) -> None:
    shards_to_lmdb(make_items("one"), tmp_path / "a")
    shards_to_lmdb(make_items("two"), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_shards_without_samples_survive(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for number, samples in enumerate((0, 1, 0)):
        with ShardWriter(shards / f"train-0000{number}.tar", "train") as writer:
            for i in range(samples):
                writer.add(f"k{number}-{i}", {"txt": b"x"})
    template = Manifest(
        name="few", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    write_manifest(shards, template)
    shards_to_lmdb(shards, tmp_path / "lmdb")
    store = open_lmdb(tmp_path / "lmdb", "train", verify="headers")
    assert (store.counts, [store.key(i) for i in range(len(store))]) == ((0, 1, 0), ["k1-0"])
    lmdb_to_shards(tmp_path / "lmdb", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(shards)


def test_shards_of_a_stock_writer_come_back_with_the_same_samples(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    with webdataset.ShardWriter(str(shards / "train-%06d.tar"), maxcount=2, verbose=0) as writer:
        for i in range(3):
            writer.write({"__key__": f"k{i}", "txt": f"text {i}", "cls": i})
    template = Manifest(
        name="stock", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    index_foreign(shards, template)
    shards_to_lmdb(shards, tmp_path / "lmdb")
    lmdb_to_shards(tmp_path / "lmdb", tmp_path / "back")
    one, two = open_shards(shards, "train"), open_shards(tmp_path / "back", "train", verify="sha256")
    assert one.counts == two.counts
    assert [one.key(i) for i in range(3)] == [two.key(i) for i in range(3)]
    for i in range(3):
        assert {k: bytes(v) for k, v in one.get(i).items()} == {k: bytes(v) for k, v in two.get(i).items()}


def test_what_lies_there_is_replaced_only_when_asked(make_items: MakeItems, tmp_path: Path) -> None:
    shards, out = make_items(), tmp_path / "lmdb"
    shards_to_lmdb(shards, out)
    before = contents(out)
    with pytest.raises(ShardError, match="already holds a data set"):
        shards_to_lmdb(shards, out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(ShardError, match="is no data set"):
        shards_to_lmdb(shards, tmp_path / "other", overwrite=True)
    assert contents(out) == before
    shards_to_lmdb(make_items("more", samples=14), out, overwrite=True)
    assert len(open_lmdb(out, "train")) == 11


def test_damaged_shards_leave_nothing_behind(make_items: MakeItems, tmp_path: Path) -> None:
    shards = make_items()
    path = shards / "val-00000.tar"
    data = bytearray(path.read_bytes())
    data[data.index(b"text 3")] ^= 1
    path.write_bytes(data)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ShardError, match="another sha256"):
        shards_to_lmdb(shards, tmp_path / "lmdb")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_of_shards_is_no_lmdb(make_items: MakeItems, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="holds no LMDB"):
        lmdb_to_shards(make_items(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


KILLED = """
import os, signal, sys
from affectkit.data.store import shards_to_lmdb

def stop(split, key):
    if key == "k7":
        os.kill(os.getpid(), signal.SIGKILL)

shards_to_lmdb(sys.argv[1], sys.argv[2], overwrite=True, on_sample=stop)
"""


def test_a_killed_build_changes_nothing_and_is_swept_by_the_next(
    make_items: MakeItems, tmp_path: Path
) -> None:
    shards, out = make_items(), tmp_path / "lmdb"
    shards_to_lmdb(shards, out)
    before = contents(out)
    done = subprocess.run([sys.executable, "-c", KILLED, str(shards), str(out)], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert contents(out) == before
    assert len(list(tmp_path.glob(".lmdb.partial-*"))) == 1
    shards_to_lmdb(shards, out, overwrite=True)
    assert list(tmp_path.glob(".lmdb.*")) == []
    assert contents(out) == before


def test_the_commands_say_what_they_made(
    make_items: MakeItems, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards, lmdb, back = str(make_items()), str(tmp_path / "lmdb"), str(tmp_path / "back")
    assert main(["shards", "to-lmdb", shards, lmdb]) == 0
    assert "items in" in capsys.readouterr().out
    assert main(["shards", "to-lmdb", shards, lmdb]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["shards", "to-lmdb", shards, lmdb, "--overwrite"]) == 0
    assert main(["shards", "from-lmdb", lmdb, back]) == 0
    assert main(["shards", "info", lmdb]) == 0
    assert contents(Path(back)) == contents(Path(shards))
    assert main(["shards", "from-lmdb", back, str(tmp_path / "again")]) == 2
    assert "holds no LMDB" in capsys.readouterr().err


def test_a_large_set_grows_the_map(tmp_path: Path) -> None:
    template = Manifest(
        name="large", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    content = os.urandom(2**20)
    with DatasetWriter(tmp_path / "shards", template) as writer:
        for i in range(70):  # the map begins with 64 MiB
            writer.add("train", f"k{i}", {"txt": content})
    shards_to_lmdb(tmp_path / "shards", tmp_path / "lmdb")
    store = open_lmdb(tmp_path / "lmdb", "train")
    assert all(bytes(store.get(i)["txt"]) == content for i in range(70))
