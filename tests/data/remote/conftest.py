"""A data set on a real server that can be slow, drop connections and serve what is cut."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from affectkit.data.shards import DatasetWriter, Licence, Manifest

#: What to do with the next requests for a file, one after the other; then it is served well.
Fault = str


class BadServer(ThreadingHTTPServer):
    """Serves a folder and counts what was asked for.

    Faults: "drop" closes in the middle; "cut" serves half of the file as if it were all; "other" serves
    other bytes of the same length; "busy" answers 503; "deny" answers 403; "stall" sends half, then nothing;
    "slow" sends everything in small pieces.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.faults: dict[str, list[Fault]] = {}
        self.asked: Counter[str] = Counter()
        self.guard = threading.Lock()
        self.stop = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/set"


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._answer(self._path())

    def do_GET(self) -> None:
        assert isinstance(self.server, BadServer)
        path = self._path()
        with self.server.guard:
            self.server.asked[path.name] += 1
            waiting = self.server.faults.get(path.name, [])
            fault = waiting.pop(0) if waiting else ""
        if fault in ("busy", "deny"):
            self.send_error(503 if fault == "busy" else 403)
            return
        data = self._answer(path, cut=fault == "cut")
        if data is None:
            return
        if fault == "other":
            data = bytes(len(data))
        half = len(data) // 2
        if fault == "slow":
            for start in range(0, len(data), 1 + len(data) // 8):
                self.wfile.write(data[start : start + 1 + len(data) // 8])
                self.wfile.flush()
                self.server.stop.wait(0.05)
            return
        self.wfile.write(data[:half] if fault in ("drop", "stall") else data)
        self.wfile.flush()
        if fault == "stall":
            self.server.stop.wait(30)
        if fault in ("drop", "stall"):
            self.close_connection = True

    def _path(self) -> Path:
        assert isinstance(self.server, BadServer)
        return self.server.root / self.path.removeprefix("/set/")

    def _answer(self, path: Path, *, cut: bool = False) -> bytes | None:
        if not path.is_file():
            self.send_error(404)
            return None
        data = path.read_bytes()
        data = data[: len(data) // 2] if cut else data
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return data


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Four shards of two samples of 40 kB."""
    template = Manifest(
        name="items", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    with DatasetWriter(tmp_path / "set", template, shard_samples=2) as writer:
        for i in range(8):
            writer.add("train", f"k{i}", {"txt": os.urandom(20_000).hex().encode()})
    return tmp_path / "set"


@pytest.fixture
def server(shards: Path) -> Iterator[BadServer]:
    """A server of :func:`shards`."""
    with BadServer(shards) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.stop.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replaces the pauses between attempts; gives the list of those that were asked for."""
    pauses: list[float] = []
    monkeypatch.setattr("affectkit.data.remote.remote_folder.time.sleep", pauses.append)
    return pauses


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of this host and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program to make a certificate with")
    path = tmp_path / "host.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    subject = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", f"{path}.key", "-out", str(path)]
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.key").read_bytes())
    return path


@pytest.fixture
def tls_server(shards: Path, certificate: Path) -> Iterator[str]:
    """Address of :func:`shards` over https."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(shards))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield f"https://localhost:{running.server_address[1]}"
        running.shutdown()
        thread.join()
