"""Planned positions to a finished batch, in whatever process that happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch.utils.data import Dataset

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import Collate
from affectkit.data.loader.damage import DamagedRows, DamageError, mask_rows
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


@runtime_checkable
class Outlines(Protocol[SampleT_co]):
    """A decoder that can say what is left of a damaged sample, e.g. its length."""

    def outline(self, members: Mapping[str, memoryview]) -> SampleT_co:
        """A sample of the right shape that holds nothing; never raises a ``ShardError``."""
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
        damage_limit: Rows of an epoch that may be masked where samples are damaged; None makes the
            first damaged sample an error.
    """

    def __init__(
        self,
        store: SampleStore,
        decode: Decode[SampleT],
        *,
        collate: Collate[SampleT],
        seed: int = 0,
        transform: Transform[SampleT] | None = None,
        damage_limit: int | None = None,
    ) -> None:
        self.store = store
        self._decode = decode
        self._collate = collate
        self._seed = seed
        self._transform = transform
        self._damage_limit = damage_limit
        self._spare: int | None = None

    def __getitem__(self, asked: Place) -> AffectBatch:
        epoch, (positions, valid) = asked
        places: list[int] = positions.tolist()
        counts: list[bool] = valid.tolist()
        read: dict[int, SampleT] = {}
        lost: dict[int, str] = {}
        # rows that fill up an evaluation batch, and cycles through a small set, repeat samples
        for position in dict.fromkeys(places):
            try:
                read[position] = self._sample(position, epoch)
            except ShardError as error:
                if self._damage_limit is None:
                    raise
                lost[position] = str(error)
        if self._damage_limit is None:
            return self._join(places, counts, read)
        batch = self._join_sound(places, counts, read, lost)
        mask_rows(batch, [row for row, position in enumerate(places) if position in lost])
        masked = [place for place, real in zip(places, counts, strict=True) if real and place in lost]
        batch.meta["damaged"] = DamagedRows(
            len(masked), self._damage_limit, {self._name(place): lost[place] for place in masked}
        )
        return batch

    def _sample(self, position: int, epoch: int) -> SampleT:
        try:
            sample = self._decode(self.store.get(position))
        except ShardError as error:
            raise ShardError(f"{self.store.describe(position)}: {error}") from error
        if self._transform is None:
            return sample
        generator = sample_generator(self._seed, epoch=epoch, position=position)
        return self._transform(sample, generator=generator)

    def _join(
        self, places: Sequence[int], counts: Sequence[bool], read: Mapping[int, SampleT]
    ) -> AffectBatch:
        name = self.store.key if self._damage_limit is None else self._name
        return self._collate(
            [read[position] for position in places],
            keys=[name(position) for position in places],
            positions=places,
            valid=counts,
        )

    def _join_sound(
        self, places: Sequence[int], counts: Sequence[bool], read: dict[int, SampleT], lost: dict[int, str]
    ) -> AffectBatch:
        """Join what can be read, with a stand-in for each of ``lost``; what joining finds is added to it."""
        while True:
            stand_ins = {position: self._stand_in(position, read) for position in lost}
            try:
                return self._join(places, counts, {**read, **stand_ins})
            except ShardError:
                # Pixels are decoded when a batch is joined. Alone, each sample shows whether it was the one.
                found = {
                    position: reason
                    for position, sample in read.items()
                    if (reason := self._reason(position, sample)) is not None
                }
                if not found:
                    raise
                for position, reason in found.items():
                    del read[position]
                    lost[position] = reason

    def _reason(self, position: int, sample: SampleT) -> str | None:
        """Why a sample cannot be joined even alone; None where it can."""
        try:
            self._join([position], [True], {position: sample})
        except ShardError as error:
            return f"{self._where(position)}: {error}"
        return None

    def _stand_in(self, position: int, read: Mapping[int, SampleT]) -> SampleT:
        """A sample that gives the row of a damaged one its shape; all that it holds is masked afterwards."""
        if isinstance(self._decode, Outlines):
            try:
                members: Mapping[str, memoryview] = self.store.get(position)
            except ShardError:
                members = {}
            outline: SampleT = self._decode.outline(members)
            return outline
        if read:
            return next(iter(read.values()))
        return self._spare_sample()

    def _spare_sample(self) -> SampleT:
        """Any sound sample, for a batch without one."""
        for position in range(len(self.store)) if self._spare is None else (self._spare,):
            try:
                sample = self._decode(self.store.get(position))
            except ShardError:
                continue
            if self._reason(position, sample) is None:
                # the place, not the sample: what a store hands out belongs to the process that read it
                self._spare = position
                return sample
        raise DamageError(
            f"No sample of split {self.store.split!r} can be read ({self._where(0)} is the first): restore "
            f"the data, or make it anew."
        )

    def _name(self, position: int) -> str:
        try:
            return self.store.key(position)
        except ShardError:
            return f"#{position}"

    def _where(self, position: int) -> str:
        try:
            return self.store.describe(position)
        except ShardError:
            return f"Sample {position} of split {self.store.split!r}"
