"""The loader: same batches wherever they are made, exact counting, resume at every step."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import LoaderStateError, ShardLoader
from affectkit.data.plan import PlanError, Shuffle, Tail
from affectkit.data.schema import ShardError
from affectkit.data.shards import Licence, Manifest


class NumberStore:
    """Sample number i holds the number i; satisfies ``SampleStore``."""

    manifest = Manifest(
        name="numbers", kind="features", label_space=None, licence=Licence("CC0", "open"), created_by="test"
    )
    split = "train"

    def __init__(self, counts: Sequence[int], fingerprint: str = "f", damaged: int = -1) -> None:
        self.counts = tuple(counts)
        self.fingerprint = fingerprint
        self.damaged = damaged

    def __len__(self) -> int:
        return sum(self.counts)

    def key(self, position: int) -> str:
        return f"k{position}"

    def describe(self, position: int) -> str:
        return f"train-00000.tar, sample k{position}"

    def get(self, position: int) -> dict[str, memoryview]:
        if position == self.damaged:
            return {"bin": memoryview(b"")}
        return {"bin": memoryview(struct.pack("<q", position))}


def decode(members: Mapping[str, memoryview]) -> float:
    if len(members["bin"]) != 8:
        raise ShardError("The number is cut.")
    return float(struct.unpack("<q", members["bin"])[0])


def collate(
    samples: Sequence[float], *, keys: Sequence[str], positions: Sequence[int], valid: Sequence[bool]
) -> AffectBatch:
    assert [f"k{position}" for position in positions] == list(keys)
    return AffectBatch(
        inputs={"x": torch.tensor(samples, dtype=torch.float64)}, valid=torch.tensor(valid), keys=list(keys)
    )


def jitter(sample: float, *, generator: torch.Generator) -> float:
    return sample + float(torch.rand((), generator=generator))


def loader(
    counts: Sequence[int] = (5, 0, 1, 7),
    *,
    tail: Tail = "drop",
    global_batch: int = 4,
    seed: int = 0,
    shuffle: Shuffle = "global",
    rank: int = 0,
    world_size: int = 1,
    num_workers: int = 0,
    augment: bool = False,
    fingerprint: str = "f",
    damaged: int = -1,
    opened: int | None = None,
) -> ShardLoader[float]:
    return ShardLoader(
        NumberStore(counts, fingerprint, damaged),
        decode,
        collate=collate,
        global_batch=global_batch,
        seed=seed,
        shuffle=shuffle,
        lanes=2,
        window=6,
        tail=tail,
        positions=None if opened is None else lambda epoch: range(opened + epoch),
        transform=jitter if augment else None,
        rank=rank,
        world_size=world_size,
        num_workers=num_workers,
        multiprocessing_context="fork" if num_workers else None,
    )


def run(source: ShardLoader[float], epochs: int) -> Iterator[tuple[list[str], list[float]]]:
    for _ in range(epochs):
        for batch in source:
            yield batch.keys, batch.inputs["x"].tolist()


@pytest.mark.parametrize("shuffle", ["none", "global", "lanes"])
@pytest.mark.parametrize("opened", [None, 3])
def test_resume_at_every_step_gives_what_would_have_followed(shuffle: Shuffle, opened: int | None) -> None:
    whole = list(run(loader(shuffle=shuffle, augment=True, opened=opened), 4))
    assert len(whole) == 4 * 3
    for stop in range(2 * 3 + 1):
        before = loader(shuffle=shuffle, augment=True, opened=opened)
        assert list(islice(run(before, 4), stop)) == whole[:stop]
        after = loader(shuffle=shuffle, augment=True, opened=opened)
        after.load_state_dict(before.state_dict())
        # the rest of the epoch that was left, and one more
        assert list(run(after, 2)) == whole[stop : stop // 3 * 3 + 6]
        assert len(after) == 3


def test_another_number_of_ranks_goes_on_with_the_same_global_batches() -> None:
    whole = [keys for keys, _ in run(loader(), 2)]
    pair = [loader(rank=rank, world_size=2) for rank in range(2)]
    streams = [run(source, 2) for source in pair]
    for step in range(4):
        shares = [next(stream)[0] for stream in streams]
        assert shares[0] + shares[1] == whole[step]
        assert pair[0].state_dict() == pair[1].state_dict()
    four = [loader(rank=rank, world_size=4) for rank in range(4)]
    for source in four:
        source.load_state_dict(pair[0].state_dict())
    rest = [list(run(source, 1)) for source in four]
    assert [[key for share in step for key in share[0]] for step in zip(*rest, strict=True)] == whole[4:]


@pytest.mark.parametrize("tail", ["drop", "mask"])
def test_workers_make_the_same_batches_and_may_be_left_early(tail: Tail) -> None:
    here, there = loader(tail=tail, augment=True), loader(tail=tail, augment=True, num_workers=2)
    assert list(run(there, 2)) == list(run(here, 2))
    for source in (here, there):
        source.set_epoch(5)
        assert len(list(islice(source, 2))) == 2
        # workers have made a third batch by now; it was not handed over
        if tail == "drop":
            assert (source.state_dict()["epoch"], source.state_dict()["samples"]) == (5, 8)
    assert list(run(there, 2)) == list(run(here, 2))


def test_workers_leave_the_random_state_of_the_model_alone() -> None:
    states = []
    for num_workers in (0, 2):
        torch.manual_seed(3)
        list(run(loader(num_workers=num_workers, augment=True), 1))
        states.append(torch.get_rng_state())
    assert torch.equal(states[0], states[1])


def test_augmentation_follows_sample_and_epoch_not_the_place_in_the_batch() -> None:
    def jitters(epoch: int, *, global_batch: int) -> dict[str, float]:
        source = loader(augment=True, global_batch=global_batch)
        source.set_epoch(epoch)
        return {k: x for keys, values in run(source, 1) for k, x in zip(keys, values, strict=True)}

    by_four, by_one = jitters(0, global_batch=4), jitters(0, global_batch=2)
    assert all(by_one[key] == value for key, value in by_four.items() if key in by_one)
    later = jitters(1, global_batch=4)
    assert all(later[key] != value for key, value in by_four.items() if key in later)


def test_a_loop_goes_on_with_the_next_epoch_or_begins_again() -> None:
    source = loader()
    first, second = list(run(source, 1)), list(run(source, 1))
    assert first != second
    source.set_epoch(0)
    assert list(run(source, 1)) == first
    assert list(run(source, 1)) == second
    next(run(source, 1))
    left = source.state_dict()
    assert (left["epoch"], left["samples"]) == (2, 4)
    again = list(run(source, 1))
    source.set_epoch(2)
    assert list(run(source, 1)) == again


def test_epoch_set_after_the_iterator_was_made_counts() -> None:
    """Lightning makes the iterator first and sets the epoch afterwards."""
    source, other = loader(), loader()
    iterator = iter(source)
    source.set_epoch(3)
    other.set_epoch(3)
    assert [b.keys for b in iterator] == [b.keys for b in other]


def test_loaded_position_survives_set_epoch_of_that_epoch_only() -> None:
    before = loader()
    next(run(before, 1))
    for epoch, batches in ((0, 2), (1, 3)):
        after = loader()
        after.load_state_dict(before.state_dict())
        after.set_epoch(epoch)
        assert len(list(after)) == batches


def test_an_epoch_read_to_its_end_is_the_front_of_the_next() -> None:
    source = loader()
    list(source)
    assert (source.state_dict()["epoch"], source.state_dict()["samples"]) == (1, 0)
    fresh = loader()
    fresh.set_epoch(1)
    assert fresh.state_dict() == source.state_dict()


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.sampled_from([0, 1]) | st.integers(0, 9), max_size=4),
    ranks=st.integers(1, 4),
    rows=st.integers(1, 3),
)
def test_evaluation_is_exact_and_the_same_each_time(counts: list[int], ranks: int, rows: int) -> None:
    for _ in range(2):
        seen: list[str] = []
        for rank in range(ranks):
            source = loader(
                counts, tail="mask", shuffle="none", global_batch=rows * ranks, rank=rank, world_size=ranks
            )
            for _turn in range(2):
                batches = list(source)
                assert len(batches) == len(source) and all(
                    len(b) == rows == source.batch_size for b in batches
                )
            seen += [k for b in batches for k, v in zip(b.keys, b.valid.tolist(), strict=True) if v]
        assert sorted(seen) == sorted(f"k{i}" for i in range(sum(counts)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"counts": (5, 1, 8)}, "number of samples is 13, that of this run is 14"),
        ({"fingerprint": "g"}, "fingerprint of the data is f, that of this run is g"),
        ({"seed": 1}, "seed of the data is 0, that of this run is 1"),
        ({"global_batch": 2}, "batch size over all ranks is 4, that of this run is 2"),
        ({"shuffle": "lanes"}, "keep shuffle, window, lanes, tail"),
        ({"opened": 3}, "length buckets and curriculum as the run began"),
    ],
)
def test_a_position_in_another_order_is_refused(other: dict[str, object], message: str) -> None:
    state = loader().state_dict()
    with pytest.raises(LoaderStateError, match=message):
        loader(**other).load_state_dict(state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "has version 2"),
        ({"samples": 13}, "lies outside an epoch of 12"),
        ({"samples": -4}, "lies outside an epoch of 12"),
        ({"epoch": "1"}, "no 'epoch' of type int"),
        ({"plan": 3}, "no 'plan' of type str"),
    ],
)
def test_a_damaged_position_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(LoaderStateError, match=message):
        loader().load_state_dict({**loader().state_dict(), **change})


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_damaged_sample_is_an_error_that_says_where(num_workers: int) -> None:
    with pytest.raises(ShardError, match=r"train-00000.tar, sample k2: The number is cut"):
        list(loader(damaged=2, tail="mask", num_workers=num_workers))


def test_a_batch_that_the_ranks_cannot_share_is_refused_at_once() -> None:
    with pytest.raises(PlanError, match="choose 3 or 6"):
        loader(world_size=3)
