from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import webdataset

from affectkit.data.schema import ShardError
from affectkit.data.shards import Licence, Manifest, index_foreign, open_shards
from affectkit.data.store import check_dataset
from affectkit.labels import LabelSpace

MakeSet = Callable[..., Path]
TEMPLATE = Manifest(
    name="foreign",
    kind="image",
    label_space=LabelSpace("two.v1", ("calm", "angry")),
    licence=Licence("unknown", "unknown"),
    created_by="a test",
)


def stock_shards(folder: Path, names: tuple[str, ...] = ("train-000000.tar", "dev-000000.tar")) -> None:
    for number, name in enumerate(names):
        with webdataset.TarWriter(str(folder / name)) as sink:
            for sample in range(3):
                sink.write(
                    {
                        "__key__": f"s{number}/k{sample}",
                        "cls": sample % 2,
                        "txt": f"line {sample}",
                        "json": {"n": sample},
                        "view-0.PNG": b"\x89PNG",
                    }
                )


def test_stock_webdataset_reads_our_shards(make_set: MakeSet) -> None:
    root = make_set()
    urls = [str(path) for path in sorted(root.glob("train-*.tar"))]
    found = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False))
    store = open_shards(root, "train")
    assert [sample["__key__"] for sample in found] == [store.key(i) for i in range(len(store))]
    for position, sample in enumerate(found):
        mine = store.get(position)
        assert {ext: sample[ext] for ext in mine} == {ext: bytes(data) for ext, data in mine.items()}
    decoded = next(iter(webdataset.WebDataset(urls, shardshuffle=False).decode()))
    assert decoded["json"]["id"] == "talk0"


def test_we_read_shards_of_the_stock_writer(tmp_path: Path) -> None:
    stock_shards(tmp_path)
    before = (tmp_path / "dev-000000.tar").read_bytes()
    manifest = index_foreign(tmp_path, TEMPLATE)
    assert manifest.splits == ("train", "val")
    assert manifest.class_counts == {"train": (2, 1), "val": (2, 1)}
    assert (tmp_path / "dev-000000.tar").read_bytes() == before
    store = open_shards(tmp_path, "val", verify="sha256")
    assert store.key(1) == "s1/k1"
    assert {ext: bytes(data) for ext, data in store.get(1).items()} == {
        "cls": b"1",
        "txt": b"line 1",
        "json": json.dumps({"n": 1}).encode(),
        "view-0.png": b"\x89PNG",
    }
    assert check_dataset(tmp_path, quick=True).ok
    assert index_foreign(tmp_path, TEMPLATE) == manifest


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_other_writers(tmp_path: Path, tar_format: int) -> None:
    with tarfile.open(tmp_path / "test-0.tar", "w", format=tar_format) as archive:
        info = tarfile.TarInfo("k" * 300 + ".txt")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"hi"))
    index_foreign(tmp_path, replace(TEMPLATE, label_space=None))
    store = open_shards(tmp_path, "test", verify="headers")
    assert store.key(0) == "k" * 300
    assert bytes(store.get(0)["txt"]) == b"hi"


def hostile(folder: Path, *names: str, content: bytes = b"0") -> None:
    with tarfile.open(folder / "train-0.tar", "w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.pyd",), "not allowed.*--ignore"),
        (("a.cls", "a.pickle"), "not allowed"),
        (("../a.cls",), "unsafe"),
        (("/tmp/a.cls",), "unsafe"),
        (("a.cls", "b.cls", "a.txt"), "not adjacent"),
        (("a.cls", "a.cls"), "twice"),
    ],
)
def test_hostile_tars_are_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    hostile(tmp_path, *names)
    with pytest.raises(ShardError, match=message):
        index_foreign(tmp_path, TEMPLATE)
    assert not (tmp_path / "manifest.json").exists()


def test_ignored_kinds_are_left_out_and_the_shard_still_verifies(tmp_path: Path) -> None:
    hostile(tmp_path, "a.cls", "a.weights.pth", "b.cls")
    index_foreign(tmp_path, TEMPLATE, ignore=["pth"])
    store = open_shards(tmp_path, "train", verify="sha256")
    assert [list(store.get(i)) for i in range(2)] == [["cls"], ["cls"]]
    with pytest.raises(ShardError, match="no member that is read"):
        index_foreign(tmp_path, TEMPLATE, ignore=["cls", "pth"])


@pytest.mark.parametrize(
    ("content", "message"), [(b"2", "label 2"), (b"-1", "whole number"), (b"x", "whole number")]
)
def test_labels_outside_the_space_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    hostile(tmp_path, "a.cls", content=content)
    with pytest.raises(ShardError, match=message):
        index_foreign(tmp_path, TEMPLATE)


def test_splits_come_from_names_or_from_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"no \.tar file"):
        index_foreign(tmp_path, TEMPLATE)
    stock_shards(tmp_path, ("000000.tar",))
    with pytest.raises(ShardError, match="--split"):
        index_foreign(tmp_path, TEMPLATE)
    assert index_foreign(tmp_path, TEMPLATE, split="test").splits == ("test",)
