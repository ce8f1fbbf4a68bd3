"""Launchers of real processes, and the shards that these read."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import runpy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple, Protocol

import lightning.pytorch  # noqa: F401 - forked ranks then need not import it, which takes seconds
import pytest
import torch

from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.labels import label_space

SCRIPT = Path(__file__).with_name("train_ranks.py")
SIZES = {"train": 27, "val": 11}
#: Far beyond what a launch takes, since imports alone take long on a busy machine.
DEADLINE = 240.0


class Outcome(NamedTuple):
    """How the processes of a launch ended: exit codes, what they said, and how long it took."""

    codes: list[int | None]
    said: str
    seconds: float


class Launch(Protocol):
    """Train runs (dictionaries of the fields of ``Run``) in ranks started in one of several ways."""

    def __call__(self, root: str, out: Path, runs: Sequence[Mapping[str, object]]) -> Outcome: ...


class ForkRanks(Protocol):
    """The same in ranks that are forked, without any launcher that watches them."""

    def __call__(
        self, root: str, out: Path, runs: Sequence[Mapping[str, object]], *, ranks: int = 1
    ) -> Outcome: ...


@pytest.fixture(scope="session")
def talks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Ragged conversations; both splits are no multiple of the batch, and one shard holds one."""
    root = tmp_path_factory.mktemp("talks") / "set"
    space = label_space("meld7.official")
    template = Manifest(
        name="talks",
        kind="conversation",
        label_space=space,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        synthetic=True,
        features={"text": FeatureSpec(7, "float32", "none"), "audio": FeatureSpec(2, "float32", "none")},
    )
    generator = torch.Generator().manual_seed(5)
    draw = random.Random(5)
    with DatasetWriter(root, template, shard_samples=13) as writer:
        for split, size in SIZES.items():
            for number in range(size):
                labels = [draw.randrange(7) for _ in range(draw.randint(1, 6))]
                key = f"{split}{number:02}"
                record: ConversationRecord = {
                    "id": key,
                    "speakers": ["a", "b"],
                    "utterances": [
                        {"id": str(i), "text": "so", "speaker": i % 2, "label": None if i == 4 else label}
                        for i, label in enumerate(labels)
                    ],
                }
                features = {
                    "text": torch.randn(len(labels), 7, generator=generator),
                    "audio": torch.randn(len(labels), 2, generator=generator),
                }
                writer.add_conversation(split, key, record, features=features)
    return str(root)


def _plan(root: str, out: Path, runs: Sequence[Mapping[str, object]]) -> str:
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"plan{len(list(out.glob('plan*.json')))}.json"
    path.write_text(json.dumps({"root": root, "out": str(out), "runs": list(runs)}))
    return str(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# ------------------------------------------------------------------------------------ forked ranks


def _forked_rank(rank: int, ranks: int, port: int, plan: str, log: str) -> None:
    sys.stdout = sys.stderr = Path(log).open("a", buffering=1)  # noqa: SIM115 - open to the end
    os.dup2(sys.stderr.fileno(), 1)
    os.dup2(sys.stderr.fileno(), 2)
    if ranks > 1:
        os.environ.update(_rank_names(rank, ranks, port))
    sys.argv = [str(SCRIPT), plan]
    runpy.run_path(str(SCRIPT), run_name="__main__")


def _rank_names(rank: int, ranks: int, port: int) -> dict[str, str]:
    return {
        "TORCHELASTIC_RUN_ID": "test",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


@pytest.fixture(scope="session")
def fork_ranks() -> ForkRanks:
    """A :class:`ForkRanks`. A rank that is stopped for good is ended once the others are through."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    context = multiprocessing.get_context("fork")

    def launch(root: str, out: Path, runs: Sequence[Mapping[str, object]], *, ranks: int = 1) -> Outcome:
        plan, port, begun = _plan(root, out, runs), _free_port(), time.monotonic()
        log = f"{plan}.log"
        children: list[BaseProcess] = [
            context.Process(target=_forked_rank, args=(rank, ranks, port, plan, log)) for rank in range(ranks)
        ]
        for child in children:
            child.start()
        while time.monotonic() - begun < DEADLINE and any(map(_runs, children)):
            time.sleep(0.05)
        seconds = time.monotonic() - begun
        for child in children:
            if child.is_alive():
                child.kill()
            child.join()
        return Outcome([child.exitcode for child in children], Path(log).read_text(), seconds)

    return launch


def _runs(child: BaseProcess) -> bool:
    """Whether a process is alive and not stopped by a signal."""
    if not child.is_alive():
        return False
    state = Path(f"/proc/{child.pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "T"


# ---------------------------------------------------------------------------------------- torchrun


def _torchrun(*options: str, plan: str, prefix: Sequence[str] = (), **names: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "torch.distributed.run", *options, str(SCRIPT), plan],
        env={**os.environ, "OMP_NUM_THREADS": "1", **names},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _node(
    number: int, plan: str, address: str, port: int, *, prefix: Sequence[str] = (), **names: str
) -> subprocess.Popen[str]:
    return _torchrun(
        "--nnodes=2",
        "--nproc-per-node=1",
        f"--node-rank={number}",
        f"--master-addr={address}",
        f"--master-port={port}",
        plan=plan,
        prefix=prefix,
        **names,
    )


def _outcome(processes: Sequence[subprocess.Popen[str]], begun: float) -> Outcome:
    said = ""
    try:
        for process in processes:
            said += process.communicate(timeout=max(1.0, begun + DEADLINE - time.monotonic()))[0]
    finally:
        for process in processes:
            if process.poll() is None:
                # torchrun ends its ranks when it is asked to end, not when it is killed
                process.terminate()
                process.wait()
    return Outcome([process.returncode for process in processes], said, time.monotonic() - begun)


@pytest.fixture(scope="session")
def one_node() -> Launch:
    """Two ranks on one node, by torchrun."""

    def launch(root: str, out: Path, runs: Sequence[Mapping[str, object]]) -> Outcome:
        begun = time.monotonic()
        plan = _plan(root, out, runs)
        return _outcome([_torchrun("--standalone", "--nproc-per-node=2", plan=plan)], begun)

    return launch


@pytest.fixture(scope="session")
def two_nodes() -> Launch:
    """Two nodes of one rank each, by torchrun.

    Each has a network of its own, joined by a cable, where this process may make such; otherwise
    both share the loopback of this machine.
    """

    def launch(root: str, out: Path, runs: Sequence[Mapping[str, object]]) -> Outcome:
        plan = _plan(root, out, runs)
        with _namespaces() as ends:
            begun, port = time.monotonic(), _free_port()
            if ends is None:
                return _outcome([_node(node, plan, "127.0.0.1", port) for node in range(2)], begun)
            nodes = [
                _node(
                    node,
                    plan,
                    ends[0].address,
                    port,
                    prefix=("ip", "netns", "exec", end.namespace),
                    GLOO_SOCKET_IFNAME=end.device,
                )
                for node, end in enumerate(ends)
            ]
            return _outcome(nodes, begun)

    return launch


class _CableEnd(NamedTuple):
    namespace: str
    device: str
    address: str


@contextmanager
def _namespaces() -> Iterator[list[_CableEnd] | None]:
    """Two network namespaces; None where this process may not make them."""
    mark = os.getpid() % 100_000
    ends = [
        _CableEnd(f"affect{mark}{side}", f"ak{mark}{side}", f"10.213.{mark % 250}.{number}")
        for number, side in enumerate("ab", start=1)
    ]
    one, two = ends
    with ExitStack() as undo:
        allowed = shutil.which("ip") is not None
        for end in ends:
            allowed = allowed and _ip("netns", "add", end.namespace)
            if allowed:
                undo.callback(_ip, "netns", "del", end.namespace)
        cable = ["type", "veth", "peer", two.device, "netns", two.namespace]
        allowed = allowed and _ip("link", "add", one.device, "netns", one.namespace, *cable)
        for namespace, device, address in ends if allowed else ():
            _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", device)
            _ip("-n", namespace, "link", "set", device, "up")
            _ip("-n", namespace, "link", "set", "lo", "up")
        yield ends if allowed else None


def _ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], capture_output=True).returncode == 0
