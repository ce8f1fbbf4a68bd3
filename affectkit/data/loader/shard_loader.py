"""The loader: batches in the order of the plan, counted as they are handed over."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, Literal, TypeVar

import torch
from torch.utils.data import DataLoader

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import Collate
from affectkit.data.loader.batch_view import BatchView, Decode, Place, Transform
from affectkit.data.loader.damage import (
    DamagedRows,
    DamagedSampleWarning,
    DamagePolicy,
    damage_limit,
    over_limit,
)
from affectkit.data.loader.loader_state import (
    STATE_VERSION,
    LoaderState,
    LoaderStateError,
    checked_state,
    require_same,
)
from affectkit.data.plan import EpochPlan, Shuffle, Tail
from affectkit.data.plan.epoch_plan import share_of_batch
from affectkit.data.store import SampleStore

SampleT = TypeVar("SampleT")


class ShardLoader(Generic[SampleT]):
    """Hands out one rank's batches, epoch after epoch, exactly and resumably.

    It is no ``DataLoader``, so Lightning injects no sampler; it shows the face that Lightning looks
    at (``__len__``, ``sampler.set_epoch``, ``state_dict``). Where a batch is made, in this process or
    in workers, changes nothing about it. Batches are counted when they are handed over, so batches
    that workers made ahead are not lost on a resume.

    Without Lightning, a second ``for`` loop goes on with the next epoch once the first has run to
    its end; a loop that was left early is begun again. With workers, one loop runs at a time.

    Args:
        store: Where the samples lie.
        decode: Members of a sample to the sample.
        collate: Samples to a batch.
        global_batch: Rows of a batch over all ranks together.
        seed: Seed of order and augmentation.
        shuffle: As in :class:`~affectkit.data.plan.EpochPlan`, like the next three.
        window: Number of samples to shuffle among themselves, at least.
        lanes: Number of lanes of ``shuffle="lanes"``.
        tail: ``"mask"`` for evaluation: every sample once, missing rows not valid.
        lengths: Length of each sample, for batches of like length; None for none.
        positions: Which positions an epoch reads, e.g. from a curriculum; None for all. It must
            give the same answer on every rank.
        transform: Change of each sample; None in evaluation.
        rank: This rank, from 0.
        world_size: Number of ranks.
        num_workers: Processes that make batches; 0 makes them here.
        multiprocessing_context: ``"fork"``, ``"spawn"`` or ``"forkserver"``; None is the platform's own.
        pin_memory: Put batches into page-locked memory, where there is a GPU to take them to.
        damage: What becomes of a sample that cannot be read: ``"error"`` stops, ``"mask"`` keeps its row,
            with zeros, without targets and with weight 0; nothing else about the batches changes.
        max_damaged: How many rows of an epoch, over all ranks, may be masked: a number as an int, or a
            share as a float. A rank that alone finds more stops; a task adds up those of all ranks.

    Raises:
        DamageError: If more rows are masked than ``max_damaged`` allows, or it is no such number.
        PlanError: If the batch cannot be shared by the ranks, or the numbers make no plan.
    """

    #: Lightning asks for it; the loader batches by plan.
    batch_sampler = None

    def __init__(
        self,
        store: SampleStore,
        decode: Decode[SampleT],
        *,
        collate: Collate[SampleT],
        global_batch: int,
        seed: int = 0,
        shuffle: Shuffle = "global",
        window: int = 65_536,
        lanes: int = 8,
        tail: Tail = "drop",
        lengths: Sequence[int] | None = None,
        positions: Callable[[int], Sequence[int]] | None = None,
        transform: Transform[SampleT] | None = None,
        rank: int = 0,
        world_size: int = 1,
        num_workers: int = 0,
        multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = None,
        pin_memory: bool = False,
        damage: DamagePolicy = "error",
        max_damaged: int | float = 0.01,
    ) -> None:
        share_of_batch(global_batch, rank=rank, world_size=world_size)
        self.store = store
        self.rank = rank
        self.world_size = world_size
        self._seed = seed
        self._tail: Tail = tail
        self._shuffle: Shuffle = shuffle
        self._window = window
        self._lanes = lanes
        self._lengths = lengths
        self._positions = positions
        self._global_batch = global_batch
        self._num_batches = len(self._plan(0, positions=None))
        rows = len(store) if tail == "mask" else self._num_batches * global_batch
        limit = damage_limit(max_damaged, rows)
        self._view = BatchView(
            store,
            decode,
            collate=collate,
            seed=seed,
            transform=transform,
            damage_limit=limit if damage == "mask" else None,
        )
        #: What is wrong with each sample that this rank masked in the current or last epoch, by key.
        self.damaged: dict[str, str] = {}
        self._masked_rows = 0
        self._warned: set[str] = set()
        self._num_workers = num_workers
        self._context = multiprocessing_context
        self._pin_memory = pin_memory and torch.cuda.is_available()
        self._places = _Places()
        self._inner: DataLoader[AffectBatch] | None = None
        self._held: EpochPlan | None = None
        self._epoch = 0
        self._samples = 0
        self._resuming = False

    @property
    def sampler(self) -> ShardLoader[SampleT]:
        """The loader itself: Lightning calls ``loader.sampler.set_epoch``."""
        return self

    @property
    def batch_size(self) -> int:
        """Rows of a batch on this rank."""
        return self._global_batch // self.world_size

    def __len__(self) -> int:
        """Batches of an epoch: the same in each epoch, on each rank, and after a resume."""
        return self._num_batches

    def __iter__(self) -> Iterator[AffectBatch]:
        # A generator does nothing before its first batch is asked for. Lightning needs that: it makes
        # the iterator first and calls `set_epoch` afterwards.
        if self._at_end():
            if self._tail != "mask":
                self._epoch += 1
            self._samples = 0
        elif not self._resuming:
            self._samples = 0
        self._resuming = False
        plan = self.plan(self._epoch)
        self.damaged, self._masked_rows = {}, 0
        for batch in self._batches(plan, start=self._samples // self._global_batch):
            self._take_notice(batch)
            self._samples += self._global_batch
            yield batch

    def plan(self, epoch: int) -> EpochPlan:
        """The plan of an epoch, which is the same on every rank."""
        if self._held is None or self._held.epoch != epoch:
            positions = None if self._positions is None else self._positions(epoch)
            self._held = self._plan(epoch, positions=positions)
        return self._held

    def forget_plan(self) -> None:
        """Ask anew which positions an epoch reads, where the answer has changed since."""
        self._held = None

    def set_epoch(self, epoch: int) -> None:
        """Go to the front of ``epoch``, or stay where a loaded state put the loader within it."""
        if epoch != self._epoch or self._at_end():
            self._epoch, self._samples, self._resuming = epoch, 0, False

    def seek(self, epoch: int, *, batch: int) -> None:
        """Go on with batch number ``batch`` of ``epoch`` in the next iteration."""
        self._epoch, self._samples, self._resuming = epoch, batch * self._global_batch, True

    def state_dict(self) -> LoaderState:
        """Position and everything that the order depends on; equal on all ranks."""
        if self._at_end():
            return self._state(self._epoch + 1, 0)
        return self._state(self._epoch, self._samples)

    def state_at(self, epoch: int, batch: int) -> LoaderState:
        """What :meth:`state_dict` says before batch number ``batch`` of ``epoch``."""
        return self._state(epoch, batch * self._global_batch)

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from a saved position with the next iteration.

        Raises:
            LoaderStateError: If the state is that of other data, or of another seed, global batch
                or plan.
        """
        saved = checked_state(state)
        epoch, samples = saved["epoch"], saved["samples"]
        reach = len(self) * self._global_batch
        if epoch < 0 or not 0 <= samples <= reach:
            raise LoaderStateError(
                f"The saved position, epoch {epoch} and sample {samples}, lies outside an epoch of {reach} "
                f"samples: resume on the data that the run began with."
            )
        require_same(saved, self._state(epoch, samples))
        self._epoch, self._samples, self._resuming = epoch, samples, True

    def _take_notice(self, batch: AffectBatch) -> None:
        found = batch.meta.get("damaged")
        if not isinstance(found, DamagedRows) or not found.rows:
            return
        self.damaged.update(found.reasons)
        self._masked_rows += found.rows
        for key, reason in found.reasons.items():
            if key not in self._warned:
                self._warned.add(key)
                warnings.warn(f"Masked: {reason}", DamagedSampleWarning, stacklevel=3)
        if self._masked_rows > found.limit:
            raise over_limit(found._replace(reasons=self.damaged), rows=self._masked_rows)

    def _at_end(self) -> bool:
        return 0 < len(self) * self._global_batch <= self._samples

    def _state(self, epoch: int, samples: int) -> LoaderState:
        return LoaderState(
            version=STATE_VERSION,
            epoch=epoch,
            samples=samples,
            n=len(self.store),
            seed=self._seed,
            global_batch=self._global_batch,
            data=self.store.fingerprint,
            plan=self.plan(epoch).fingerprint,
        )

    def _plan(self, epoch: int, *, positions: Sequence[int] | None) -> EpochPlan:
        return EpochPlan(
            self.store.counts,
            global_batch=self._global_batch,
            seed=self._seed,
            epoch=epoch,
            shuffle=self._shuffle,
            window=self._window,
            lanes=self._lanes,
            tail=self._tail,
            positions=positions,
            lengths=self._lengths,
        )

    def _batches(self, plan: EpochPlan, *, start: int) -> Iterator[AffectBatch]:
        self._places.aim(plan, start=start, rank=self.rank, world_size=self.world_size)
        if not self._num_workers:
            for place in self._places:
                batch = self._view[place]
                yield batch.pin_memory() if self._pin_memory else batch
            return
        if self._inner is None:
            self._inner = DataLoader(
                self._view,
                batch_size=None,
                sampler=self._places,
                num_workers=self._num_workers,
                multiprocessing_context=self._context,
                collate_fn=_as_it_is,
                pin_memory=self._pin_memory,
                # a DataLoader draws a seed for its workers; from a generator of its own, so that the
                # model's dropout does not depend on whether there are workers
                generator=torch.Generator(),
                persistent_workers=True,
            )
        yield from self._inner


class _Places:
    """The index stream of the inner ``DataLoader``; stays in the main process."""

    def __init__(self) -> None:
        self._next: Callable[[], Iterator[Place]] = lambda: iter(())

    def aim(self, plan: EpochPlan, *, start: int, rank: int, world_size: int) -> None:
        """Make the next iteration that of ``plan`` from batch ``start`` on."""
        self._next = lambda: (
            Place(plan.epoch, rows) for rows in plan.batches(rank=rank, world_size=world_size, start=start)
        )

    def __iter__(self) -> Iterator[Place]:
        return self._next()


def _as_it_is(batch: object) -> object:
    return batch
