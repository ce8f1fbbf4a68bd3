"""`check_dataset` and `affectkit shards check` on a data set at an address."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import MutableMapping
from pathlib import Path
from typing import Protocol

import pytest

from affectkit.data.remote import FileCache
from affectkit.data.shards import DatasetWriter, read_manifest
from affectkit.data.store import check_dataset


class Server(Protocol):
    """What the fixture in conftest.py offers."""

    root: Path
    faults: MutableMapping[str, list[str]]
    asked: Counter[str]

    @property
    def url(self) -> str: ...


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    return FileCache(tmp_path / "cache")


def test_a_sound_set_is_whole_and_a_quick_check_brings_no_shard(cache: FileCache, server: Server) -> None:
    report = check_dataset(server.url, quick=True, cache=cache)
    assert report.ok and not [name for name in server.asked if name.endswith(".tar")]
    report = check_dataset(server.url, cache=cache)
    assert (report.ok, report.shards, report.samples) == (True, 4, 8)
    assert {server.asked[f"train-0000{number}.tar"] for number in range(4)} == {1}


def test_every_problem_is_found_and_named_by_its_address(
    cache: FileCache, server: Server, shards: Path, patient: list[float]
) -> None:
    server.faults["train-00001.tar"] = ["other"] * 5
    with (shards / "train-00002.tar").open("ab") as file:
        file.write(bytes(512))
    (shards / "train-00003.tar.idx").unlink()
    report = check_dataset(server.url, cache=cache)
    first, second, third = report.problems
    assert f"{server.url}/train-00001.tar" in first and "sha256" in first
    assert f"{server.url}/train-00002.tar has" in second and "manifest states" in second
    assert f"{server.url}/train-00003.tar.idx does not exist" in third
    assert str(cache.folder) not in "".join(report.problems)


def test_a_sample_that_cannot_be_decoded_is_found(cache: FileCache, server: Server, shards: Path) -> None:
    template = read_manifest(shards)
    shutil.rmtree(shards)
    with DatasetWriter(shards, template) as writer:
        writer.add("train", "bad", {"txt": b"\xff\xfe"})
    (problem,) = check_dataset(server.url, cache=cache).problems
    assert f"{server.url}/train-00000.tar, sample 'bad'" in problem and "not UTF-8" in problem


def test_a_damaged_copy_in_the_cache_is_found(cache: FileCache, server: Server) -> None:
    assert check_dataset(server.url, cache=cache).ok
    (path,) = cache.folder.glob("*/train-00001.tar")
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(bytes(data))
    (problem,) = check_dataset(server.url, cache=cache).problems
    assert "train-00001.tar has another sha256" in problem


def test_an_address_without_a_data_set_is_a_problem(server: Server) -> None:
    report = check_dataset(server.url.replace("/set", "/elsewhere"))
    assert "elsewhere/manifest.json does not exist" in report.problems[0]


def test_the_command_reads_https(tls_server: str, certificate: Path, tmp_path: Path, shards: Path) -> None:
    os.truncate(shards / "train-00001.tar", 1024)
    done = subprocess.run(
        [sys.executable, "-m", "affectkit", "shards", "check", tls_server],
        env={**os.environ, "SSL_CERT_FILE": str(certificate), "AFFECTKIT_CACHE": str(tmp_path / "there")},
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1, done.stderr
    assert f"{tls_server}/train-00001.tar has 1024 bytes" in done.stdout
    assert "4 shards, 8 samples" in done.stdout and "1 problems" in done.stdout
