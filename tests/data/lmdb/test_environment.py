"""The environment: growing, order, one reader a process, its own reader in every child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import pytest

from affectkit.data.lmdb import DATA_NAME, LmdbWriter, open_reader
from affectkit.data.schema import ShardError

T = TypeVar("T")


def write(folder: Path, values: dict[bytes, bytes]) -> Path:
    folder.mkdir()
    with LmdbWriter(folder) as writer:
        for name, value in sorted(values.items()):
            writer.put(name, value)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "set", {b"a": b"first", b"b": b"second"})


def test_the_map_grows_until_everything_fits(tmp_path: Path) -> None:
    small, value = 64 * 1024, os.urandom(300_000)
    with LmdbWriter(tmp_path, map_size=small) as writer:
        for i in range(40):
            writer.put(b"%02d" % i, value + b"%02d" % i)
    assert writer.map_size > 40 * len(value) > small
    assert (tmp_path / DATA_NAME).stat().st_size < writer.map_size  # only what is used lies on the disk
    reader = open_reader(tmp_path)
    assert reader.entries == 40
    assert all(bytes(reader.get(b"%02d" % i)) == value + b"%02d" % i for i in range(40))


def test_names_must_ascend(tmp_path: Path) -> None:
    with LmdbWriter(tmp_path) as writer:
        writer.put(b"b", b"")
        with pytest.raises(ShardError, match="does not follow"):
            writer.put(b"a", b"")
        with pytest.raises(ShardError, match="does not follow"):
            writer.put(b"b", b"")
    assert open_reader(tmp_path).entries == 1


def test_equal_values_give_equal_files(tmp_path: Path) -> None:
    values = {b"%d" % i: os.urandom(5000) for i in range(9)}
    one, two = write(tmp_path / "one", values), write(tmp_path / "two", values)
    assert (one / DATA_NAME).read_bytes() == (two / DATA_NAME).read_bytes()


def test_a_disk_without_room_is_named(tmp_path: Path) -> None:
    reply = _in_child("fork", _write_beyond_the_limit, tmp_path)
    assert "LMDB cannot write to" in reply and "free space" in reply


def _write_beyond_the_limit(folder: Path) -> str:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        with LmdbWriter(folder) as writer:
            writer.put(b"a", bytes(1_000_000))
    except ShardError as error:
        return str(error)
    return "no error"


def test_what_is_not_there_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="holds nothing under b'c'"):
        open_reader(folder).get(b"c")
    with pytest.raises(ShardError, match=r"data\.mdb cannot be read"):
        open_reader(tmp_path / "nowhere")


def test_another_kind_of_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / DATA_NAME).write_bytes(b"no LMDB" * 4096)
    with pytest.raises(ShardError, match="damaged or no LMDB"):
        open_reader(tmp_path)


def test_a_process_has_one_reader_of_a_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert open_reader(folder) is open_reader(tmp_path / "link")


def test_values_are_read_only(folder: Path) -> None:
    value = open_reader(folder).get(b"a")
    assert value.readonly
    with pytest.raises(TypeError):
        value[0] = 0
    assert sorted(path.name for path in folder.iterdir()) == [DATA_NAME]  # readers leave no lock file


def test_a_replaced_file_gets_its_own_reader_and_the_old_one_stays(folder: Path, tmp_path: Path) -> None:
    old = open_reader(folder)
    kept = old.get(b"a")
    write(tmp_path / "new", {b"a": b"third"})
    (tmp_path / "new" / DATA_NAME).replace(folder / DATA_NAME)
    assert bytes(open_reader(folder).get(b"a")) == b"third"
    assert bytes(kept) == bytes(old.get(b"a")) == b"first"


def test_threads_share_a_reader(folder: Path) -> None:
    wrong: list[bytes] = []

    def read() -> None:
        reader = open_reader(folder)
        for _ in range(300):
            if (value := bytes(reader.get(b"b"))) != b"second":
                wrong.append(value)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_opens_the_file_for_itself(folder: Path, method: str) -> None:
    reader = open_reader(folder)
    value = reader.get(b"a")
    assert _in_child(method, _read, folder) == (b"first", True)
    assert bytes(value) == b"first"  # what the child did with its copy of the handle is of no concern here
    assert open_reader(folder) is reader


def _read(folder: Path) -> tuple[bytes, bool]:
    reader = open_reader(folder)
    return bytes(reader.get(b"a")), reader.process == os.getpid()


def _in_child(method: str, function: Callable[[Path], T], folder: Path) -> T:
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        return pool.submit(function, folder).result(timeout=60)
