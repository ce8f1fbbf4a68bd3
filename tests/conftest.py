"""Fixtures that several rooms share."""

from __future__ import annotations

import inspect
import pickle
import runpy
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

T = TypeVar("T")

WORKER = Path(__file__).with_name("rank_worker.py")
#: Longer than the collective timeout of the worker, so that its message arrives, not ours.
REPLY_SECONDS = 300.0


def pytest_configure(config: pytest.Config) -> None:
    """Let several workers take files in the order of the collection, not those with the most tests first."""
    if hasattr(config.option, "loadscopereorder"):  # an option of pytest-xdist
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that start processes: the last worker is not left alone with one of them."""
    slow = {item.path for item in items if item.get_closest_marker("distributed") is not None}
    items.sort(key=lambda item: item.path not in slow)


class RunRanks(Protocol):
    """Run a function in a gloo group of real processes; results in order of rank.

    ``function`` stands at the top of a test file; arguments and result must pickle. Inside it,
    ``affectkit.distributed.rank()`` tells the ranks apart.
    """

    def __call__(self, function: Callable[..., T], *arguments: object, world_size: int = 2) -> list[T]: ...


class _Group:
    """Processes that stay alive for the session, because starting them takes seconds."""

    def __init__(self, world_size: int, rendezvous: Path) -> None:
        context = get_context("spawn")
        self.channels: list[Connection] = []
        self.processes: list[BaseProcess] = []
        for rank in range(world_size):
            ours, theirs = context.Pipe()
            names = {
                "CHANNEL": theirs,
                "RANK": rank,
                "WORLD_SIZE": world_size,
                "RENDEZVOUS": str(rendezvous),
            }
            process = context.Process(target=runpy.run_path, args=(str(WORKER), names, "rank_worker"))
            process.start()
            theirs.close()
            self.channels.append(ours)
            self.processes.append(process)

    def run(self, function: Callable[..., T], arguments: tuple[object, ...]) -> list[T]:
        path = inspect.getsourcefile(function)
        message = pickle.dumps((path, function.__qualname__, arguments))
        for channel in self.channels:
            channel.send_bytes(message)
        results: list[T] = []
        for rank, channel in enumerate(self.channels):
            if not channel.poll(REPLY_SECONDS):
                raise AssertionError(f"rank {rank} gave no answer within {REPLY_SECONDS:.0f} s")
            succeeded, result = pickle.loads(channel.recv_bytes())
            if not succeeded:
                raise AssertionError(f"rank {rank} failed:\n{result}")
            results.append(result)
        return results

    def close(self) -> None:
        for channel in self.channels:
            channel.close()
        for process in self.processes:
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()


@pytest.fixture(scope="session")
def run_ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunRanks]:
    """A :class:`RunRanks`."""
    groups: dict[int, _Group] = {}

    def run(function: Callable[..., T], *arguments: object, world_size: int = 2) -> list[T]:
        if world_size not in groups:
            rendezvous = tmp_path_factory.mktemp(f"ranks{world_size}") / "rendezvous"
            groups[world_size] = _Group(world_size, rendezvous)
        try:
            return groups[world_size].run(function, arguments)
        except BaseException:
            # The other ranks may still wait in a collective: none of them can be used again.
            broken = groups.pop(world_size)
            for process in broken.processes:
                process.kill()
            broken.close()
            raise

    yield run
    for group in groups.values():
        group.close()


@pytest.fixture(scope="session")
def synthetic_features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of made-up conversations with the features of the tiny encoders; read only."""
    from affectkit.data.synthetic import write_synthetic
    from affectkit.predict import extract_features, named_extractor

    folder = tmp_path_factory.mktemp("synthetic")
    write_synthetic(folder / "corpus", train=24, val=6, test=6)
    extractors = {name: named_extractor(name) for name in ("text", "visual", "audio")}
    extract_features(folder / "corpus", folder / "features", encoders=extractors)
    return folder / "features"
