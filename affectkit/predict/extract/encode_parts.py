"""Encoding units in this process or in several."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from affectkit.data.shards import ShardStore
from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.part_folder import PartFolder
from affectkit.predict.extract.work_unit import WorkUnit


class EncodeUnit(Protocol):
    """What is done for a unit; must pickle where several processes do it."""

    def __call__(self, store: ShardStore, unit: WorkUnit) -> Mapping[str, Tensor]:
        """Tensors of a unit by ``"POSITION/NAME"``."""
        ...


class _Bench(NamedTuple):
    """What a process needs to encode any unit; sent to each worker once."""

    stores: Mapping[str, ShardStore]
    work: EncodeUnit
    parts: PartFolder

    def encode(self, unit: WorkUnit) -> None:
        self.parts.write(unit, self.work(self.stores[unit.split], unit))


def encode_parts(
    units: Sequence[WorkUnit],
    stores: Mapping[str, ShardStore],
    encode: EncodeUnit,
    parts: PartFolder,
    *,
    jobs: int,
) -> Iterator[WorkUnit]:
    """Encode units, store each as a part, and yield it when it is stored.

    Every process computes with one thread, because the number of threads may change the last bit
    of a product: more speed comes from more jobs.

    Raises:
        ExtractError: If a worker process dies.
    """
    bench = _Bench(stores, encode, parts)
    if jobs == 1 or len(units) < 2:
        yield from _encode_here(units, bench)
        return
    # Spawned, not forked: a fork of a process that has used torch's threads may hang.
    with ProcessPoolExecutor(
        min(jobs, len(units)), mp_context=get_context("spawn"), initializer=_begin, initargs=(bench,)
    ) as pool:
        futures = {pool.submit(_work, unit): unit for unit in units}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool as error:
            raise ExtractError(
                "A worker process of the extraction died (killed for memory, or started by a script without "
                "`if __name__ == '__main__':`): run the same again, perhaps with fewer jobs; finished units "
                "are kept."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _encode_here(units: Sequence[WorkUnit], bench: _Bench) -> Iterator[WorkUnit]:
    threads = torch.get_num_threads()
    for unit in units:
        torch.set_num_threads(1)
        try:
            bench.encode(unit)
        finally:
            torch.set_num_threads(threads)
        yield unit


#: The bench of this worker process; empty in the process that starts the workers.
_BENCH: list[_Bench] = []


def _begin(bench: _Bench) -> None:
    torch.set_num_threads(1)
    _BENCH[:] = [bench]
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """End this worker when its parent is gone: after a SIGKILL nobody else would."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(unit: WorkUnit) -> None:
    _BENCH[0].encode(unit)
