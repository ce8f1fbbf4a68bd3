"""Writing parts in several processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing.connection import wait as wait_for_process
from pathlib import Path

from affectkit.data.decode import decode_safetensors
from affectkit.data.shards import Manifest, encode_tensors
from affectkit.data.sources.source_part import SourcePart


def write_parts(
    parts: Iterable[SourcePart], folder: Path, template: Manifest, *, jobs: int
) -> Iterator[SourcePart]:
    """Write every part, and yield each when it is done.

    What lies in ``folder`` at the end does not depend on ``jobs``.

    Args:
        parts: The parts; they are read no faster than they are written.
        folder: Where the shards are to lie.
        template: The manifest without shards.
        jobs: Processes; with 1 this process writes.

    Raises:
        ShardError: The first error of a part.
    """
    if jobs == 1:
        for part in parts:
            part.write(folder, template)
            yield part
        return
    # A forked process would share the threads' locks of a progress bar and of torch.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_die_with_parent) as pool:
        running: dict[Future[None], SourcePart] = {}
        try:
            for part in parts:
                features = [encode_tensors(sample.features) for sample in part.samples]
                bare = tuple(sample._replace(features={}) for sample in part.samples)
                task = pool.submit(_write, replace(part, samples=bare), features, folder, template)
                running[task] = part
                while len(running) >= 2 * jobs:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write(part: SourcePart, features: list[bytes], folder: Path, template: Manifest) -> None:
    # Tensors come as bytes, because torch would send each through a file descriptor of its own.
    samples = (
        sample._replace(features=decode_safetensors(content))
        for sample, content in zip(part.samples, features, strict=True)
    )
    replace(part, samples=tuple(samples)).write(folder, template)


def _finished(running: dict[Future[None], SourcePart]) -> Iterator[SourcePart]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        part = running.pop(future)
        future.result()
        yield part


def _die_with_parent() -> None:
    """End this worker when the process that started it is killed, so that two never write at once."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait_for_process([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
