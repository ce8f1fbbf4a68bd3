"""The order of one epoch, cut into global batches and shared out among ranks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from affectkit.data.plan.cycled_order import CycledOrder
from affectkit.data.plan.length_buckets import LengthBuckets, Places
from affectkit.data.plan.windowed_order import WindowedOrder

Shuffle = Literal["none", "global", "lanes"]
Tail = Literal["drop", "wrap", "mask"]

# What a stream of random numbers is for; part of its seed, so that no two streams are equal.
_RUNS, _WINDOWS, _TURNS, _BUCKETS, _OFFSET = range(5)


class PlanError(ValueError):
    """A plan that cannot be made; the message says which number to change."""


class PlannedBatch(NamedTuple):
    """One rank's share of one global batch.

    Shape:
        - positions: (B,) int64, places in the store.
        - valid: (B,) bool, False where a position is repeated only to fill the batch.
    """

    positions: NDArray[np.int64]
    valid: NDArray[np.bool_]


class EpochPlan:
    """Positions of one epoch in global batches, of which every rank takes its slice.

    The order follows from the data, ``seed`` and ``epoch`` alone. Rank r of W reads the places
    ``[r B, (r + 1) B)`` of every global batch with ``B = global_batch / W``, so ranks are
    disjoint, have equally many equally large batches, and another number of ranks continues
    the same sequence of global batches. Nothing of the length of the data is ever built: memory
    is that of the window and of two numbers a run, where a run is a shard, or a piece of at most
    ``window`` samples of a larger shard.

    Args:
        counts: Number of samples of each shard; 0 is allowed.
        global_batch: Rows of a batch over all ranks together.
        seed: Seed of the run, not negative.
        epoch: Epoch, from 0.
        shuffle: ``"none"`` reads in the order of the store. ``"global"`` shuffles the runs and
            then the samples within windows of runs; every rank touches all runs of a window.
            ``"lanes"`` shuffles alike, but cuts the order of runs into ``lanes`` equal stretches
            that are read side by side, so that a rank touches only the shards of its own lanes
            (object stores, caches of a node). Data that fits into one window is shuffled fully
            by ``"global"``.
        window: Number of samples to shuffle among themselves, at least.
        lanes: Number of lanes, a divisor of ``global_batch``; best a multiple of any number of
            ranks that will be used. Read by ``shuffle="lanes"`` only.
        tail: What happens to the samples after the last full batch. ``"drop"`` leaves them out
            (with a shuffle they are others in each epoch), ``"wrap"`` fills the last batch with
            samples from the front, ``"mask"`` fills it with rows that are marked as not valid.
        positions: Read only these, e.g. what a curriculum opens in this epoch; they are shuffled
            (unless ``shuffle="none"``) and gone through again and again until the epoch has as
            many batches as one over the whole data, so that the length stays constant.
        lengths: Length of each sample; sorts neighbouring batches into batches of like length.
        bucket_batches: Number of neighbouring batches that ``lengths`` sorts together.

    Raises:
        PlanError: If the numbers do not fit together.

    Examples:
        >>> plan = EpochPlan([3, 0, 2], global_batch=2, shuffle="none", tail="mask")
        >>> [(b.positions.tolist(), b.valid.tolist()) for b in plan.batches()]
        [([0, 1], [True, True]), ([2, 3], [True, True]), ([4, 4], [True, False])]
    """

    def __init__(
        self,
        counts: Sequence[int],
        *,
        global_batch: int,
        seed: int = 0,
        epoch: int = 0,
        shuffle: Shuffle = "global",
        window: int = 65_536,
        lanes: int = 8,
        tail: Tail = "drop",
        positions: Sequence[int] | NDArray[np.int64] | None = None,
        lengths: Sequence[int] | NDArray[np.int64] | None = None,
        bucket_batches: int = 16,
    ) -> None:
        shards = np.asarray(counts, dtype=np.int64).reshape(-1)
        for name, value, least in (
            ("global_batch", global_batch, 1),
            ("window", window, 1),
            ("lanes", lanes, 1),
            ("bucket_batches", bucket_batches, 1),
            ("seed", seed, 0),
            ("epoch", epoch, 0),
            ("the smallest number of counts", int(shards.min(initial=0)), 0),
        ):
            if value < least:
                raise PlanError(f"{name} of an epoch plan is {value}: give a number of at least {least}.")
        if shuffle not in get_args(Shuffle) or tail not in get_args(Tail):
            raise PlanError(
                f"shuffle={shuffle!r}, tail={tail!r}: shuffle is one of {get_args(Shuffle)}, "
                f"tail is one of {get_args(Tail)}."
            )
        lanes = lanes if shuffle == "lanes" else 1
        if global_batch % lanes:
            raise PlanError(
                f"global_batch {global_batch} cannot be dealt out to {lanes} lanes: "
                f"choose a number of lanes that divides it."
            )
        if lengths is not None and lanes > 1:
            raise PlanError(
                "lengths would mix the lanes of shuffle='lanes': take shuffle='global' or leave lengths out."
            )
        self.num_samples = int(shards.sum())
        self.global_batch = global_batch
        self.seed = seed
        self.epoch = epoch
        full, rest = divmod(self.num_samples, global_batch)
        #: Global batches of the epoch, which is also the number of batches of every rank.
        self.num_batches = full + int(tail != "drop" and rest > 0)
        chosen = None if positions is None else np.asarray(positions, dtype=np.int64).reshape(-1)
        measured = None if lengths is None else np.asarray(lengths, dtype=np.int64).reshape(-1)
        self._check(chosen, measured, tail)
        self.fingerprint = _fingerprint(
            [global_batch, seed, shuffle, window, lanes, tail, bucket_batches],
            [shards, chosen, measured],
        )
        # an open set is chosen for what it holds, not for where it lies: lanes would not help it
        self._lanes = lanes if chosen is None else 1
        shuffled = shuffle != "none"
        self._buckets: LengthBuckets | None = None
        if measured is not None:
            self._buckets = LengthBuckets(
                measured, batches=bucket_batches, entropy=(seed, epoch, _BUCKETS) if shuffled else None
            )
        self._cycle: CycledOrder | None = None
        self._streams: list[WindowedOrder] = []
        if chosen is not None:
            self._cycle = CycledOrder(chosen, entropy=(seed, epoch, _TURNS) if shuffled else None)
            return
        starts, sizes = _runs(shards, window)
        offset = 0
        if shuffled:
            order = np.random.default_rng([seed, epoch, _RUNS]).permutation(len(starts))
            starts, sizes = starts[order], sizes[order]
        if self._lanes > 1 and self.num_samples:
            # lanes are cut before the samples are shuffled: without an offset, the samples at the
            # end of a shard would be the tail of too many epochs (of all, if there is one shard)
            offset = int(np.random.default_rng([seed, epoch, _OFFSET]).integers(self.num_samples))
        reach = self.num_batches * global_batch
        if tail == "mask":
            reach = min(reach, self.num_samples)
        share = self.num_batches * (global_batch // self._lanes)
        for lane in range(self._lanes):
            # one lane that drops its tail still shuffles all samples, so that any may be the tail
            stop = max(reach, self.num_samples) if self._lanes == 1 else min(reach, (lane + 1) * share)
            lane_starts, lane_sizes = _cut(starts, sizes, lane * share + offset, stop + offset)
            entropy = (seed, epoch, _WINDOWS, lane) if shuffled else None
            self._streams.append(WindowedOrder(lane_starts, lane_sizes, window=window, entropy=entropy))

    def __len__(self) -> int:
        return self.num_batches

    def batch(self, step: int, *, rank: int = 0, world_size: int = 1) -> PlannedBatch:
        """What ``rank`` of ``world_size`` reads as its batch number ``step``.

        Raises:
            PlanError: If ``global_batch`` cannot be shared out equally.
        """
        rows = share_of_batch(self.global_batch, rank=rank, world_size=world_size)
        if self._buckets is not None:
            positions, valid = self._buckets.batch(
                step, read=self._read, global_batch=self.global_batch, num_batches=self.num_batches
            )
            return PlannedBatch(positions[rows], valid[rows])
        return PlannedBatch(*self._rows(step, rows.start, rows.stop))

    def batches(self, *, rank: int = 0, world_size: int = 1, start: int = 0) -> Iterator[PlannedBatch]:
        """Batches of one rank from ``start`` to the end of the epoch, made one at a time."""
        for step in range(start, self.num_batches):
            yield self.batch(step, rank=rank, world_size=world_size)

    def _check(
        self, chosen: NDArray[np.int64] | None, measured: NDArray[np.int64] | None, tail: Tail
    ) -> None:
        if chosen is not None:
            if tail == "mask":
                raise PlanError("positions are for training: give tail='drop' or tail='wrap' with them.")
            if not len(chosen) or chosen.min() < 0 or chosen.max() >= self.num_samples:
                raise PlanError(
                    f"positions hold {len(chosen)} places, not all within the {self.num_samples} samples "
                    f"of the data: open at least one place, each from 0 to {self.num_samples - 1}."
                )
        if measured is not None and len(measured) != self.num_samples:
            raise PlanError(
                f"lengths has {len(measured)} numbers for {self.num_samples} samples: give one for each."
            )

    def _read(self, start: int, stop: int) -> Places:
        """Places ``start`` to ``stop - 1`` of a plan with one lane; both multiples of the batch."""
        return self._lane(0, start, stop)

    def _rows(self, step: int, first: int, last: int) -> Places:
        """Rows ``first`` to ``last - 1`` of global batch ``step``: the lanes lie side by side in it."""
        width = self.global_batch // self._lanes
        parts = [
            self._lane(
                lane,
                step * width + max(first, lane * width) - lane * width,
                step * width + min(last, (lane + 1) * width) - lane * width,
            )
            for lane in range(first // width, -(-last // width))
        ]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([p for p, _ in parts]), np.concatenate([v for _, v in parts])

    def _lane(self, lane: int, start: int, stop: int) -> Places:
        if self._cycle is not None:
            return self._cycle.slice(start, stop), np.ones(stop - start, np.bool_)
        stream = self._streams[lane]
        real = min(stop, max(start, len(stream)))
        positions = stream.slice(start, real)
        missing = stop - real
        if missing:
            # the lane's own last sample; a lane without any repeats the last of the first one
            source = stream if len(stream) else self._streams[0]
            filler = source.slice(len(source) - 1, len(source))
            positions = np.concatenate([positions, np.repeat(filler, missing)])
        return positions, np.arange(start, stop) < real


def share_of_batch(global_batch: int, *, rank: int, world_size: int) -> slice:
    """Rows of a global batch that belong to ``rank``.

    Raises:
        PlanError: If the ranks cannot have equally many rows, or there is no such rank.
    """
    if not 0 <= rank < world_size:
        raise PlanError(f"rank {rank} of {world_size} does not exist: ranks count from 0.")
    rows, rest = divmod(global_batch, world_size)
    if rest:
        raise PlanError(
            f"batch_size {global_batch} counts the rows over all ranks and cannot be shared by {world_size} "
            f"ranks: choose {rows * world_size or world_size} or {(rows + 1) * world_size}."
        )
    return slice(rank * rows, (rank + 1) * rows)


def _runs(shards: NDArray[np.int64], window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and size of each run; a shard larger than a window is cut into several."""
    pieces = -(-shards // window)
    number = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(np.cumsum(shards) - shards, pieces) + number * window
    return starts, np.minimum(window, np.repeat(shards, pieces) - number * window)


def _cut(
    starts: NDArray[np.int64], sizes: NDArray[np.int64], first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Runs that cover the places ``first`` to ``last - 1`` of the runs repeated without end."""
    total = int(sizes.sum())
    cut_starts: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    cut_sizes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    ends = np.cumsum(sizes)
    while first < last:
        turn = first // total * total
        low, high = first - turn, min(last - turn, total)
        head = int(np.searchsorted(ends, low, side="right"))
        stop = int(np.searchsorted(ends, high, side="left")) + 1
        piece_starts, piece_sizes = starts[head:stop].copy(), sizes[head:stop].copy()
        skipped = low - int(ends[head] - sizes[head])
        piece_starts[0] += skipped
        piece_sizes[0] -= skipped
        piece_sizes[-1] -= int(ends[stop - 1]) - high
        cut_starts.append(piece_starts)
        cut_sizes.append(piece_sizes)
        first = turn + high
    return np.concatenate(cut_starts), np.concatenate(cut_sizes)


def _fingerprint(values: Sequence[int | str], arrays: Sequence[NDArray[np.int64] | None]) -> str:
    digest = blake2b(json.dumps(["affectkit.plan.1", *values]).encode(), digest_size=16)
    for array in arrays:
        digest.update(b"\0" if array is None else b"\1" + np.ascontiguousarray(array, "<i8").tobytes())
    return digest.hexdigest()
