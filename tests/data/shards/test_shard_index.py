from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
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


def tamper(path: Path, **arrays: npt.NDArray[np.generic]) -> None:
    data = path.read_bytes()
    about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    path.write_bytes(save({**load(data), **arrays}, metadata=about))


EXT, OFFSET, SIZE = [0, 1, 0, 0], [512, 1536, 2048, 3072], [10, 0, 512, 1]
FIRST, KEYS = [0, 2, 3, 4], [0, 1, 4, 5]


def test_the_untampered_tables_are_these(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar.idx")
    before = path.read_bytes()
    tamper(path, members=np.array([EXT, OFFSET, SIZE]), samples=np.array([FIRST, KEYS]))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "members",
    [
        [EXT, [512, 1536, 2048, 5000], SIZE],
        [EXT, [512, 1536, 2048, 2**62], SIZE],
        [EXT, [-512, 1536, 2048, 3072], SIZE],
        [EXT, [512, 515, 2048, 3072], SIZE],
        [EXT, OFFSET, [10, 0, 512, 2**63 - 1]],
        [EXT, OFFSET, [10, -1, 512, 1]],
        [EXT, OFFSET, [10, 0, 512, 2000]],
        [[0, 1, 0, 2], OFFSET, SIZE],
        [[0, -1, 0, 0], OFFSET, SIZE],
        [EXT[:3], OFFSET[:3], SIZE[:3]],
        [EXT, OFFSET],
    ],
)
def test_members_outside_the_shard_are_found(tmp_path: Path, members: list[list[int]]) -> None:
    path = write(tmp_path / "x.tar.idx")
    tamper(path, members=np.array(members, dtype=np.int64))
    with pytest.raises(ShardError, match=r"x\.tar\.idx"):
        open_index(path)


@pytest.mark.parametrize(
    "samples",
    [
        [[0, 2, 2, 4], KEYS],
        [[0, 3, 2, 4], KEYS],
        [[1, 2, 3, 4], KEYS],
        [[0, 2, 3, 5], KEYS],
        [FIRST, [0, 1, 4, 9]],
        [FIRST, [0, 1, 1, 5]],
        [[0, 2, 4], [0, 1, 5]],
        [[], []],
        [FIRST],
    ],
)
def test_samples_without_members_or_keys_are_found(tmp_path: Path, samples: list[list[int]]) -> None:
    path = write(tmp_path / "x.tar.idx")
    tamper(path, samples=np.array(samples, dtype=np.int64))
    with pytest.raises(ShardError, match=r"x\.tar\.idx"):
        open_index(path)


def test_other_types_and_shapes_are_refused(tmp_path: Path) -> None:
    members, samples = np.array([EXT, OFFSET, SIZE]), np.array([FIRST, KEYS])
    for name, array in (
        ("members", members.astype(np.int32)),
        ("members", members.reshape(-1)),
        ("samples", samples.astype(np.float64)),
        ("key_bytes", np.zeros((1, 5), np.uint8)),
        ("key_bytes", np.zeros(5, np.int64)),
    ):
        path = write(tmp_path / "x.tar.idx")
        tamper(path, **{name: array})
        with pytest.raises(ShardError, match="another"):
            open_index(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar.idx")
    data = path.read_bytes()
    about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    arrays = load(data)
    for changed, metadata in (
        ({"other": arrays["members"]}, about),
        (arrays, None),
        (arrays, {"affectkit": "{}"}),
        (arrays, {"affectkit": about["affectkit"].replace('"version":1', '"version":2')}),
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
