from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.data.schema import MEMBER_EXTENSIONS, ShardError
from affectkit.data.shards import ShardWriter, read_entry
from affectkit.data.shards.shard_index import open_index


def write(path: Path, samples: dict[str, dict[str, bytes]]) -> bytes:
    with ShardWriter(path, "train") as writer:
        for key, members in samples.items():
            writer.add(key, members)
    return path.read_bytes()


def test_headers_are_plain_and_members_sorted(tmp_path: Path) -> None:
    write(tmp_path / "x.tar", {"b": {"txt": b"t", "json": b"{}"}, "a": {"cls": b"1"}})
    with tarfile.open(tmp_path / "x.tar", "r:") as archive:
        found = archive.getmembers()
    assert [info.name for info in found] == ["b.json", "b.txt", "a.cls"]
    assert {(info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) for info in found} == {
        (0, 0, 0, "", "", 0o644)
    }


keys = st.text(st.sampled_from("abz09_-é"), min_size=1, max_size=8)
contents = st.dictionaries(st.sampled_from(sorted(MEMBER_EXTENSIONS)), st.binary(max_size=1100), min_size=1)


@given(samples=st.dictionaries(keys, contents, max_size=5))
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, samples: dict[str, dict[str, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "trip.tar"
    data = write(path, samples)
    index = open_index(path.with_name("trip.tar.idx"))
    assert {
        index.key(i): {m.ext: data[m.offset : m.offset + m.size] for m in index.members(i)}
        for i in range(len(index))
    } == samples
    before = path.with_name("trip.tar.idx").read_bytes()
    shuffled = {key: dict(reversed(members.items())) for key, members in samples.items()}
    assert write(path, shuffled) == data
    assert path.with_name("trip.tar.idx").read_bytes() == before


def test_counts(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "x.tar", "val", num_classes=3) as writer:
        writer.add("a", {"json": b"{}"}, labels=[0, 2, None, 2])
        writer.add("b", {"json": b"{}"})
    entry = read_entry(tmp_path / "x.tar")
    assert (entry.split, entry.samples, entry.items, entry.class_counts) == ("val", 2, 5, (1, 0, 2))
    assert entry.bytes == (tmp_path / "x.tar").stat().st_size


@pytest.mark.parametrize(
    ("key", "members", "labels", "message"),
    [
        ("a.b", {"json": b""}, (), "dot"),
        ("a", {"pkl": b""}, (), "not allowed"),
        ("a", {}, (), "no member"),
        ("first", {"json": b""}, (), "twice"),
        ("a", {"json": b""}, (2,), "label 2"),
        ("a", {"json": b""}, (-1,), "label -1"),
    ],
)
def test_a_refused_sample_leaves_the_shard_usable(
    tmp_path: Path, key: str, members: dict[str, bytes], labels: tuple[int, ...], message: str
) -> None:
    with ShardWriter(tmp_path / "x.tar", "train", num_classes=2) as writer:
        writer.add("first", {"json": b"{}"})
        with pytest.raises(ShardError, match=message):
            writer.add(key, members, labels=labels)
        writer.add("last", {"json": b"{}"})
    assert read_entry(tmp_path / "x.tar").samples == 2


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), ShardWriter(tmp_path / "x.tar", "train") as writer:
        writer.add("a", {"json": b"{}"})
        raise KeyError
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from affectkit.data.shards import ShardWriter
writer = ShardWriter(sys.argv[1], "train")
for number in range(100):
    writer.add(f"k{number}", {"txt": bytes(2000)})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_no_shard(tmp_path: Path) -> None:
    path = tmp_path / "train-00000.tar"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env={**os.environ}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    assert list(tmp_path.glob("*.tar")) == []
    with ShardWriter(path, "train") as writer:  # and the same place can be written again
        writer.add("a", {"json": b"{}"})
    assert read_entry(path).samples == 1


def test_a_shard_that_is_not_its_indexs_is_not_taken_for_finished(tmp_path: Path) -> None:
    write(tmp_path / "x.tar", {"a": {"json": b"{}"}})
    (tmp_path / "x.tar").write_bytes(bytes(1024))
    with pytest.raises(ShardError, match="not the shard"):
        read_entry(tmp_path / "x.tar")
