"""The cache over a bad line: whole files or none, one download, a bound, and errors that say what to do."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, MutableMapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import pytest

from affectkit.data.remote import FileCache, RemoteError, RemoteFolder

SHARD = "train-00000.tar"


class Server(Protocol):
    """What the fixture in conftest.py offers."""

    root: Path
    faults: MutableMapping[str, list[str]]
    asked: Counter[str]

    @property
    def url(self) -> str: ...


def fetch(
    cache: FileCache,
    server_root: Path,
    url: str,
    name: str = SHARD,
    options: Mapping[str, float] | None = None,
) -> Path:
    data = (server_root / name).read_bytes()
    source = RemoteFolder(url, attempts=3, **(options or {}))
    return cache.fetch(source, name, group="g", sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def files(cache: FileCache) -> list[str]:
    return sorted(path.name for path in (cache.folder / "g").iterdir())


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    return FileCache(tmp_path / "cache")


def test_a_file_is_brought_once(cache: FileCache, server: Server) -> None:
    path = fetch(cache, server.root, server.url)
    assert path.read_bytes() == (server.root / SHARD).read_bytes()
    assert fetch(cache, server.root, server.url) == path
    assert server.asked[SHARD] == 1
    assert files(cache) == [SHARD]


@pytest.mark.parametrize("fault", ["drop", "cut", "other", "busy"])
def test_a_bad_attempt_is_repeated_after_a_pause(
    cache: FileCache, server: Server, patient: list[float], fault: str
) -> None:
    server.faults[SHARD] = [fault, fault]
    path = fetch(cache, server.root, server.url)
    assert path.read_bytes() == (server.root / SHARD).read_bytes()
    assert server.asked[SHARD] == 3
    assert patient == [1.0, 2.0]


@pytest.mark.parametrize(
    ("fault", "said"),
    [("drop", "payload"), ("cut", r"\d+ of \d+ bytes"), ("other", "another sha256"), ("busy", "503")],
)
def test_a_line_that_stays_bad_is_an_error_and_leaves_nothing(
    cache: FileCache, server: Server, patient: list[float], fault: str, said: str
) -> None:
    server.faults[SHARD] = [fault] * 9
    with pytest.raises(RemoteError, match=rf"(?s){SHARD} could not be brought in 3 attempts .*{said}"):
        fetch(cache, server.root, server.url)
    assert server.asked[SHARD] == 3
    assert files(cache) == []


def test_a_server_that_falls_silent_is_given_up(
    cache: FileCache, server: Server, patient: list[float]
) -> None:
    server.faults[SHARD] = ["stall"]
    start = time.monotonic()
    path = fetch(cache, server.root, server.url, options={"timeout": 0.5})
    assert 0.4 < time.monotonic() - start < 20
    assert path.read_bytes() == (server.root / SHARD).read_bytes()


def test_a_slow_server_is_waited_for(cache: FileCache, server: Server) -> None:
    server.faults[SHARD] = ["slow"]  # longer in all than the timeout, but never silent for so long
    fetch(cache, server.root, server.url, options={"timeout": 0.3})
    assert server.asked[SHARD] == 1


def test_what_is_absent_or_denied_is_not_asked_for_again(
    cache: FileCache, server: Server, patient: list[float]
) -> None:
    with pytest.raises(RemoteError, match=r"nothing\.tar does not exist: correct the address"):
        cache.fetch(RemoteFolder(server.url), "nothing.tar", group="g", sha256="0" * 64, size=1)
    server.faults[SHARD] = ["deny"]
    with pytest.raises(RemoteError, match=r"may not be read .*403.* log in"):
        fetch(cache, server.root, server.url)
    assert patient == []


@pytest.mark.parametrize("kind", ["fork", "spawn"])
def test_processes_of_a_node_share_one_download(cache: FileCache, server: Server, kind: str) -> None:
    server.faults[SHARD] = ["slow"]
    with ProcessPoolExecutor(2, mp_context=get_context(kind)) as pool:
        found = [pool.submit(fetch, cache, server.root, server.url) for _ in range(4)]
        paths = {future.result(timeout=60) for future in found}
    assert len(paths) == 1
    assert server.asked[SHARD] == 1


def test_threads_share_one_download(cache: FileCache, server: Server) -> None:
    server.faults[SHARD] = ["slow"]
    threads = [threading.Thread(target=fetch, args=(cache, server.root, server.url)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked[SHARD] == 1
    assert files(cache) == [SHARD]


def test_the_least_recently_used_leave_first(tmp_path: Path, server: Server) -> None:
    names = [f"train-0000{number}.tar" for number in range(4)]
    size = (server.root / SHARD).stat().st_size
    cache = FileCache(tmp_path / "cache", max_bytes=2 * size + 100)
    for moment, name in enumerate([names[0], names[1]]):
        os.utime(fetch(cache, server.root, server.url, name), (moment, moment))
    fetch(cache, server.root, server.url, names[0])  # used again, so the other one is the oldest
    fetch(cache, server.root, server.url, names[2])
    assert files(cache) == [names[0], names[2]]
    assert sum(path.stat().st_size for path in (cache.folder / "g").iterdir()) <= cache.max_bytes
    assert server.asked[names[0]] == 1


def test_a_removed_file_stays_readable_for_those_who_opened_it(tmp_path: Path, server: Server) -> None:
    size = (server.root / SHARD).stat().st_size
    cache = FileCache(tmp_path / "cache", max_bytes=size)
    with fetch(cache, server.root, server.url).open("rb") as file:
        fetch(cache, server.root, server.url, "train-00001.tar")
        assert files(cache) == ["train-00001.tar"]
        assert file.read() == (server.root / SHARD).read_bytes()


def test_a_file_larger_than_the_cache_is_an_error(tmp_path: Path, server: Server) -> None:
    cache = FileCache(tmp_path / "cache", max_bytes=1000)
    with pytest.raises(
        RemoteError, match=rf"{SHARD} has \d+ bytes .* limited to 1000: raise AFFECTKIT_CACHE_BYTES"
    ):
        fetch(cache, server.root, server.url)
    assert server.asked[SHARD] == 0


def test_a_full_disk_is_a_clear_error(
    cache: FileCache, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(
        RemoteError, match=r"cannot take .*No space left on device.*free space .*AFFECTKIT_CACHE"
    ):
        fetch(cache, server.root, server.url)
    assert files(cache) == []
    assert server.asked[SHARD] == 0


def test_a_real_limit_of_the_system_is_a_clear_error(cache: FileCache, server: Server) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        said = pool.submit(_fetch_under_a_limit, cache, server.root, server.url).result(timeout=60)
    assert "cannot take train-00000.tar (File too large)" in said and "free space" in said
    assert files(cache) == []


def _fetch_under_a_limit(cache: FileCache, root: Path, url: str) -> str:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        fetch(cache, root, url)
    except RemoteError as error:
        return str(error)
    return "no error"


KILLED = """
import sys
from pathlib import Path
from affectkit.data.remote import FileCache, RemoteFolder

cache = FileCache(Path(sys.argv[1]))
source, size = RemoteFolder(sys.argv[2], attempts=1), int(sys.argv[4])
cache.fetch(source, sys.argv[3], group="g", sha256="0" * 64, size=size)
"""


def test_what_a_killed_process_left_is_swept(tmp_path: Path, server: Server) -> None:
    size = (server.root / SHARD).stat().st_size
    cache = FileCache(tmp_path / "cache", max_bytes=size)
    server.faults[SHARD] = ["stall"]
    arguments = [sys.executable, "-c", KILLED, str(cache.folder), server.url, SHARD, str(size)]
    with subprocess.Popen(arguments) as process:
        part = cache.folder / "g" / f".{SHARD}.part"
        while process.poll() is None and not (part.is_file() and server.asked[SHARD]):
            time.sleep(0.02)
        # What a living process is bringing is not taken away, and it counts.
        with pytest.raises(RemoteError, match="being brought by other processes"):
            fetch(cache, server.root, server.url, "train-00001.tar")
        process.send_signal(signal.SIGKILL)
    assert files(cache) == [f".{SHARD}.part"]
    fetch(cache, server.root, server.url, "train-00001.tar")
    assert files(cache) == ["train-00001.tar"]


def test_the_environment_names_place_and_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTKIT_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("AFFECTKIT_CACHE_BYTES", "5000")
    assert FileCache.from_environment() == FileCache(tmp_path / "here", 5000)
    monkeypatch.delenv("AFFECTKIT_CACHE_BYTES")
    assert FileCache.from_environment().max_bytes == 100 * 2**30
    monkeypatch.setenv("AFFECTKIT_CACHE_BYTES", "5 GB")
    with pytest.raises(RemoteError, match="no number of bytes"):
        FileCache.from_environment()
    with pytest.raises(RemoteError, match="positive"):
        FileCache(tmp_path, 0)


@pytest.mark.parametrize(
    "url", ["file:///etc", "pipe:cat", "ftp://a/b", "https://a/b?c", "simplecache::https://a"]
)
def test_only_known_addresses_are_followed(url: str) -> None:
    with pytest.raises(RemoteError, match="is not SCHEME://PLACE/FOLDER"):
        RemoteFolder(url)
