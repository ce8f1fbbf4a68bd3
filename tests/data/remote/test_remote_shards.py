"""`open_shards` and a data set at an address, over http, https and s3."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import MutableMapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import pytest

from affectkit.data.remote import FileCache, RemoteError
from affectkit.data.schema import ShardError
from affectkit.data.shards import Verify, open_shards, read_manifest
from affectkit.data.store import SampleStore, open_store


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


def read_all(store: SampleStore) -> list[tuple[str, bytes]]:
    return [(store.key(i), bytes(store.get(i)["txt"])) for i in range(len(store))]


@pytest.mark.parametrize("verify", ["size", "headers", "sha256"])
def test_an_address_reads_like_a_folder(cache: FileCache, server: Server, verify: Verify) -> None:
    store, local = (
        open_shards(server.url, "train", verify=verify, cache=cache),
        open_shards(server.root, "train"),
    )
    assert read_manifest(server.url) == local.manifest
    brought = sum(count for name, count in server.asked.items() if name.endswith(".tar"))
    assert brought == (4 if verify == "sha256" else 0)  # a shard comes when it is first read
    assert (len(store), store.counts, store.fingerprint) == (len(local), local.counts, local.fingerprint)
    assert read_all(store) == read_all(local)
    assert {server.asked[f"train-0000{n}.tar"] for n in range(4)} == {1}


def test_only_the_shard_that_is_read_is_brought(cache: FileCache, server: Server) -> None:
    store = open_shards(server.url, "train", cache=cache)
    store.get(5)
    assert [name for name in sorted(server.asked) if name.endswith(".tar")] == ["train-00002.tar"]


def test_the_next_run_finds_what_the_last_one_brought(cache: FileCache, server: Server) -> None:
    expected = read_all(open_shards(server.url, "train", cache=cache))
    before = server.asked.copy()
    assert read_all(open_shards(server.url + "/", "train", cache=cache)) == expected
    assert server.asked - before == Counter({"manifest.json": 1})


@pytest.mark.parametrize("kind", ["fork", "spawn"])
def test_workers_read_through_the_same_cache(cache: FileCache, server: Server, kind: str) -> None:
    store = open_shards(server.url, "train", cache=cache)
    store.get(0)
    with ProcessPoolExecutor(2, mp_context=get_context(kind)) as pool:
        one, two = pool.submit(read_all, store), pool.submit(read_all, store)
        assert one.result(timeout=60) == two.result(timeout=60) == read_all(open_shards(server.root, "train"))
    assert {server.asked[f"train-0000{n}.tar"] for n in range(4)} == {1}


def test_a_cache_smaller_than_the_data_set_suffices(tmp_path: Path, server: Server) -> None:
    largest = max(entry.bytes for entry in read_manifest(server.root).shards)
    small = FileCache(tmp_path / "cache", max_bytes=2 * largest)
    store = open_shards(server.url, "train", cache=small)
    expected = read_all(open_shards(server.root, "train"))
    assert read_all(store) == expected
    assert read_all(pickle.loads(pickle.dumps(store))) == expected
    lying = sum(path.stat().st_size for path in small.folder.glob("*/*") if path.parent.name != "locks")
    assert lying <= small.max_bytes


def test_a_changed_data_set_is_another_one(
    cache: FileCache, server: Server, shards: Path, tmp_path: Path
) -> None:
    old = read_all(open_shards(server.url, "train", cache=cache))
    manifest = (shards / "manifest.json").read_bytes()
    (shards / "manifest.json").write_bytes(manifest.replace(b'"name": "items"', b'"name": "things"'))
    store = open_shards(server.url, "train", cache=cache)
    assert store.manifest.name == "things"
    assert read_all(store) == old
    assert len([path for path in cache.folder.iterdir() if path.name != "locks"]) == 2


def test_a_shard_of_another_size_is_an_error_at_the_start(
    cache: FileCache, server: Server, shards: Path
) -> None:
    with (shards / "train-00002.tar").open("ab") as file:
        file.write(bytes(512))
    with pytest.raises(ShardError, match=r"train-00002\.tar has \d+ bytes and the manifest states \d+"):
        open_shards(server.url, "train", cache=cache)


def test_a_damaged_copy_in_the_cache_is_brought_anew(cache: FileCache, server: Server) -> None:
    expected = read_all(open_shards(server.url, "train", cache=cache))
    (path,) = cache.folder.glob("*/train-00001.tar")
    os.truncate(path, 1000)
    assert read_all(open_shards(server.url, "train", cache=cache)) == expected


def test_an_absent_data_set_is_an_error_without_delay(server: Server, patient: list[float]) -> None:
    with pytest.raises(RemoteError, match=r"elsewhere/manifest\.json does not exist"):
        open_shards(server.url.replace("/set", "/elsewhere"), "train")
    assert patient == []


def test_the_environment_names_the_cache(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFECTKIT_CACHE", str(tmp_path / "there"))
    open_store(server.url, "train").get(0)
    assert len(list((tmp_path / "there").glob("*/*.tar"))) == 1


OVER_TLS = """
import sys
from pathlib import Path
from affectkit.data.remote import FileCache
from affectkit.data.shards import open_shards

store = open_shards(sys.argv[1], "train", cache=FileCache(Path(sys.argv[2])))
print(*[f"{store.key(i)}:{len(store.get(i)['txt'])}" for i in range(len(store))])
"""


def test_https_is_read_when_the_certificate_is_trusted_only(
    tls_server: str, certificate: Path, tmp_path: Path
) -> None:
    def read(trusted: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", OVER_TLS, tls_server, str(tmp_path / "cache")],
            env={**os.environ, "SSL_CERT_FILE": trusted},
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert read(str(certificate)).stdout.split() == [f"k{i}:40000" for i in range(8)]
    refused = read("")
    assert refused.returncode != 0 and "CERTIFICATE_VERIFY_FAILED" in refused.stderr


OVER_S3 = """
import sys
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
import os

os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
from affectkit.data.remote import FileCache, RemoteError
from affectkit.data.shards import open_shards

client = boto3.client("s3")
client.create_bucket(Bucket="corpora")
for path in Path(sys.argv[1]).iterdir():
    client.upload_file(str(path), "corpora", f"items/{path.name}")
store = open_shards("s3://corpora/items", "train", verify="sha256", cache=FileCache(Path(sys.argv[2])))
print(*[f"{store.key(i)}:{len(store.get(i)['txt'])}" for i in range(len(store))])
try:
    open_shards("s3://corpora/nothing", "train")
except RemoteError as error:
    print(error)
server.stop()
"""


def test_s3_is_read_from_a_local_server(shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("s3fs", reason="s3fs is not installed (extra `remote`)")
    pytest.importorskip("moto", reason="moto is not installed (extra `test`)")
    pytest.importorskip("flask", reason="moto's server is not installed (extra `test`)")
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", OVER_S3, str(shards), str(tmp_path / "cache")],
        env={**os.environ, **keys},
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    samples, absent = done.stdout.splitlines()[-2:]  # the server says a word of its own first
    assert samples.split() == [f"k{i}:40000" for i in range(8)]
    assert "s3://corpora/nothing/manifest.json does not exist" in absent
