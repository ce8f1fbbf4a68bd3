from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from affectkit.data.schema import ShardError
from affectkit.data.shards import ShardEntry
from affectkit.data.shards.shard_index import IndexedMember, build_index, group_members, open_index
from affectkit.data.shards.tar_scan import TarMember

SAMPLES = [
    ("a", [IndexedMember("json", 512, 10), IndexedMember("txt", 1536, 0)]),
    ("bé", [IndexedMember("json", 2048, 512)]),
    ("c", [IndexedMember("json", 3072, 1)]),
]


def entry(samples: int = 3, size: int = 5120) -> ShardEntry:
    return ShardEntry(name="x.tar", split="train", samples=samples, items=samples, bytes=size, sha256="00")


def write(path: Path) -> Path:
    path.write_bytes(build_index(entry(), SAMPLES, left_out=["pth"]).to_bytes())
    return path


def test_round_trip_and_equal_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar.idx")
    index = open_index(path)
    assert [(index.key(i), index.members(i)) for i in range(len(index))] == SAMPLES
    assert (index.entry, index.left_out) == (entry(), ("pth",))
    assert index.to_bytes() == path.read_bytes() == build_index(entry(), SAMPLES, left_out=["pth"]).to_bytes()


def test_a_shard_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.idx"
    path.write_bytes(build_index(entry(0, 1024), []).to_bytes())
    assert len(open_index(path)) == 0


def test_every_truncation_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar.idx")
    data = path.read_bytes()
    for stop in range(len(data)):
        path.write_bytes(data[:stop])
        with pytest.raises(ShardError, match="index"):
            open_index(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("member_offset", [512, 1536, 2048, 5000]),
        ("member_offset", [512, 1536, 2048, 2**62]),
        ("member_offset", [-512, 1536, 2048, 3072]),
        ("member_offset", [512, 515, 2048, 3072]),
        ("member_offset", [512, 1536, 2048]),
        ("member_size", [10, 0, 512, 2**63 - 1]),
        ("member_size", [10, -1, 512, 1]),
        ("member_ext", [0, 1, 0, 2]),
        ("member_ext", [0, -1, 0, 0]),
        ("first_member", [0, 2, 2, 4]),
        ("first_member", [0, 3, 2, 4]),
        ("first_member", [1, 2, 3, 4]),
        ("first_member", [0, 2, 3, 5]),
        ("first_member", [0, 2, 4]),
        ("first_member", []),
        ("key_start", [0, 1, 4, 9]),
        ("key_start", [0, 1, 1, 5]),
    ],
)
def test_places_outside_the_shard_are_found(tmp_path: Path, name: str, values: list[int]) -> None:
    path = write(tmp_path / "x.tar.idx")
    data = path.read_bytes()
    about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    path.write_bytes(save({**load(data), name: np.array(values, dtype=np.int64)}, metadata=about))
    with pytest.raises(ShardError, match=r"x\.tar\.idx"):
        open_index(path)


def test_foreign_files_and_types_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar.idx")
    data = path.read_bytes()
    about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    arrays = load(data)
    for changed, metadata in (
        ({"other": arrays["member_size"]}, about),
        (arrays, None),
        (arrays, {"affectkit": "{}"}),
        (arrays, {"affectkit": about["affectkit"].replace('"version":1', '"version":2')}),
        ({**arrays, "member_size": arrays["member_size"].astype(np.int32)}, about),
        ({**arrays, "member_size": arrays["member_size"].reshape(2, 2)}, about),
    ):
        path.write_bytes(save(changed, metadata=metadata))
        with pytest.raises(ShardError):
            open_index(path)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, framed: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any.idx"
    path.write_bytes(len(data).to_bytes(8, "little") + data if framed else data)
    with pytest.raises(ShardError):
        open_index(path)


def members(*names: str) -> list[TarMember]:
    return [TarMember(name, 512 * (2 * i + 1), 1) for i, name in enumerate(names)]


def test_grouping() -> None:
    found = group_members(
        Path("x.tar"), members("a.JSON", "a.face-0.png", "b.json", "b.pth"), left_out=["pth"]
    )
    assert [(key, [m.ext for m in ms]) for key, ms in found] == [
        ("a", ["json", "face-0.png"]),
        ("b", ["json"]),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.json", "b.json", "a.txt"), "not adjacent"),
        (("a.json", "b.json", "a.json"), "occurs twice"),
        (("a.json", "a.json"), "twice"),
        (("a.json", "a.JSON"), "twice"),
        (("a.json", "../a.txt"), "unsafe"),
    ],
)
def test_samples_that_stock_readers_would_break_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ShardError, match=message):
        group_members(Path("x.tar"), members(*names))
