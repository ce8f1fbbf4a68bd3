"""Planned positions to a finished batch, in whatever process that happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

import torch
from torch.utils.data import Dataset

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import Collate
from affectkit.data.plan import PlannedBatch, sample_generator
from affectkit.data.schema import ShardError
from affectkit.data.store import SampleStore

SampleT = TypeVar("SampleT")
SampleT_co = TypeVar("SampleT_co", covariant=True)


class Decode(Protocol[SampleT_co]):
    """Members of one sample to the sample; must pickle."""

    def __call__(self, members: Mapping[str, memoryview]) -> SampleT_co:
        """Decode ``members``, a map from extension to bytes."""
        ...


class Transform(Protocol[SampleT]):
    """A change of one training sample, e.g. a random crop; must pickle."""

    def __call__(self, sample: SampleT, *, generator: torch.Generator) -> SampleT:
        """Change ``sample``; all chance comes from ``generator``."""
        ...


class Place(NamedTuple):
    """What is sent to the process that makes a batch."""

    epoch: int
    rows: PlannedBatch


class BatchView(Dataset[AffectBatch], Generic[SampleT]):
    """Map-style view whose index is a planned batch.

    Args:
        store: Where the samples lie.
        decode: Members to a sample.
        collate: Samples to a batch.
        seed: Seed of the run; with the epoch and the position it seeds ``transform``.
        transform: Change of each sample, or None.
    """

    def __init__(
        self,
        store: SampleStore,
        decode: Decode[SampleT],
        *,
        collate: Collate[SampleT],
        seed: int = 0,
        transform: Transform[SampleT] | None = None,
    ) -> None:
        self.store = store
        self._decode = decode
        self._collate = collate
        self._seed = seed
        self._transform = transform

    def __getitem__(self, place: Place) -> AffectBatch:
        epoch, (positions, valid) = place
        places: list[int] = positions.tolist()
        read: dict[int, SampleT] = {}
        for position in places:
            # rows that fill up an evaluation batch, and cycles through a small set, repeat samples
            if position not in read:
                read[position] = self._sample(position, epoch)
        return self._collate(
            [read[position] for position in places],
            keys=[self.store.key(position) for position in places],
            positions=places,
            valid=valid.tolist(),
        )

    def _sample(self, position: int, epoch: int) -> SampleT:
        try:
            sample = self._decode(self.store.get(position))
        except ShardError as error:
            raise ShardError(f"{self.store.describe(position)}: {error}") from error
        if self._transform is None:
            return sample
        generator = sample_generator(self._seed, epoch=epoch, position=position)
        return self._transform(sample, generator=generator)
