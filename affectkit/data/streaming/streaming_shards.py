"""Resampled training over a stream of shards: fast to begin, and exact in nothing."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Generic, TypeVar

from torch.utils.data import IterableDataset, get_worker_info

from affectkit.data.remote import FileCache
from affectkit.data.schema import ShardError
from affectkit.data.shards import find_shards
from affectkit.data.streaming.webdataset_stages import shuffled, stream_samples

SampleT = TypeVar("SampleT")


class StreamingShards(IterableDataset[SampleT], Generic[SampleT]):
    """Samples of shards that are drawn with replacement, each read from front to back.

    This is webdataset's way. It needs no index and keeps one shard open a worker, which suits
    sets of millions of shards. **It is approximate:** an epoch is a number of samples and not the
    data set; some samples come several times and others not at all; what comes depends on the
    number of ranks and workers; a resumed run begins its epoch anew. Never evaluate with it.
    For all of that, use :class:`~affectkit.data.loader.ShardLoader`.

    It is equal on all ranks in length, and repeatable for the same seed, epoch, ranks and workers.
    Members are decoded by ``decode`` from the kinds of the allow-list; others are never read.

    Args:
        root: Folder of the data set or its address; shards from an address pass through the cache.
        split: Which split.
        decode: Members of one sample to the sample, e.g. :func:`affectkit.data.decode.decode_sample`.
        epoch_samples: Samples of an epoch over all ranks; what does not divide by them is left out.
        seed: Seed of the draws and of the order.
        buffer: So many samples are mixed among themselves.
        rank: This rank.
        world_size: Number of ranks.
        cache: Where shards from an address are kept; see :func:`~affectkit.data.shards.open_shards`.

    Raises:
        ShardError: If the split has no sample or a number is out of range.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        decode: Callable[[Mapping[str, bytes]], SampleT],
        epoch_samples: int,
        seed: int = 0,
        buffer: int = 1000,
        rank: int = 0,
        world_size: int = 1,
        cache: FileCache | None = None,
    ) -> None:
        if not 0 <= rank < world_size or epoch_samples < world_size or buffer < 1:
            raise ShardError(
                f"Rank {rank} of {world_size} cannot stream {epoch_samples} samples with a buffer of "
                f"{buffer}: give each rank at least one sample, and a buffer of at least one."
            )
        self.decode = decode
        self.seed = seed
        self.buffer = buffer
        self.rank = rank
        self.epoch = 0
        self._length = epoch_samples // world_size
        self._store = find_shards(root, split, cache=cache)
        if not len(self._store):
            raise ShardError(f"Split {split!r} of {root} has no sample to stream: choose another split.")

    def __len__(self) -> int:
        """Samples of an epoch on this rank, over all workers."""
        return self._length

    def set_epoch(self, epoch: int) -> None:
        """Draw anew; call it before each epoch, and before workers are started."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[SampleT]:
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        share = self._length // workers + (number < self._length % workers)
        seed = f"{self.seed} {self.epoch} {self.rank} {number}"
        for key, members in islice(shuffled(self._endless(seed), buffer=self.buffer, seed=seed), share):
            try:
                yield self.decode(members)
            except ShardError as error:
                raise ShardError(f"Sample {key!r}: {error}") from error

    def _endless(self, seed: str) -> Iterator[tuple[str, dict[str, bytes]]]:
        draw = random.Random(f"shards {seed}")
        entries = self._store.manifest.split_shards(self._store.split)
        filled = [shard for shard, samples in enumerate(self._store.counts) if samples]
        while True:
            shard = draw.choice(filled)
            entry, seen = entries[shard], 0
            with self._store.open_file(shard) as file:
                for sample in stream_samples(file, where=entry.name):
                    seen += 1
                    yield sample
            if seen != entry.samples:
                raise ShardError(
                    f"{entry.name} gave {seen} samples and the manifest states {entry.samples}: "
                    "restore it or make the data set anew."
                )
