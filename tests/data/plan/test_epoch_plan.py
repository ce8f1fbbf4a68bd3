"""The promises of the plan, for drawn numbers of samples, shards, ranks and rows."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import TypedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.data.plan import EpochPlan, PlanError, Shuffle, Tail

fast = settings(max_examples=60, deadline=None)


class Shape(TypedDict):
    counts: list[int]
    global_batch: int
    seed: int
    shuffle: Shuffle
    window: int
    lanes: int
    tail: Tail


@st.composite
def shapes(draw: st.DrawFn, *, tails: tuple[Tail, ...] = ("drop", "wrap", "mask")) -> Shape:
    lanes = draw(st.sampled_from([1, 2, 3, 4]))
    # 0 and 1 are the sizes that go wrong, so they are drawn often
    counts = draw(st.lists(st.sampled_from([0, 1]) | st.integers(0, 23), min_size=0, max_size=7))
    return Shape(
        counts=counts,
        global_batch=12 * draw(st.integers(1, 2)) if draw(st.booleans()) else lanes * draw(st.integers(1, 6)),
        seed=draw(st.integers(0, 2**40)),
        shuffle=draw(st.sampled_from(["none", "global", "lanes"])),
        window=draw(st.integers(1, 40)),
        lanes=lanes,
        tail=draw(st.sampled_from(tails)),
    )


def read(plan: EpochPlan, *, ranks: int = 1, start: int = 0) -> list[tuple[list[int], list[bool]]]:
    """Global batches, put together from the shares of all ranks."""
    shares = [list(plan.batches(rank=rank, world_size=ranks, start=start)) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    assert len({len(batch.positions) for share in shares for batch in share}) <= 1
    return [
        (
            np.concatenate([b.positions for b in step]).tolist(),
            np.concatenate([b.valid for b in step]).tolist(),
        )
        for step in zip(*shares, strict=True)
    ]


def flat(batches: list[tuple[list[int], list[bool]]], *, valid_only: bool = True) -> list[int]:
    return [p for rows, valid in batches for p, v in zip(rows, valid, strict=True) if v or not valid_only]


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


@fast
@given(shapes(tails=("mask",)), st.data())
def test_evaluation_sees_every_sample_once(shape: Shape, data: st.DataObject) -> None:
    plan = EpochPlan(**shape)
    ranks = data.draw(st.sampled_from(divisors(shape["global_batch"])))
    batches = read(plan, ranks=ranks)
    n = sum(shape["counts"])
    assert sorted(flat(batches)) == list(range(n))
    assert len(batches) == len(plan) == -(-n // shape["global_batch"])
    assert all(len(rows) == shape["global_batch"] for rows, _ in batches)
    assert all(0 <= p < n for p in flat(batches, valid_only=False))


@fast
@given(shapes(tails=("drop",)))
def test_training_drops_less_than_a_batch_and_repeats_nothing(shape: Shape) -> None:
    shown = flat(read(EpochPlan(**shape)))
    n = sum(shape["counts"])
    assert len(shown) == n // shape["global_batch"] * shape["global_batch"]
    assert len(set(shown)) == len(shown)
    assert set(shown) <= set(range(n))


@fast
@given(shapes(tails=("wrap",)))
def test_wrapping_shows_every_sample_as_often_as_needed_to_fill(shape: Shape) -> None:
    plan = EpochPlan(**shape)
    n = sum(shape["counts"])
    seen = Counter(flat(read(plan)))
    assert set(seen) == set(range(n))
    total = len(plan) * shape["global_batch"]
    assert total == -(-n // shape["global_batch"]) * shape["global_batch"]
    assert set(seen.values()) <= {total // max(n, 1), total // max(n, 1) + 1}


@fast
@given(shapes(), st.integers(0, 5), st.data())
def test_any_number_of_ranks_from_any_step_reads_the_same_global_batches(
    shape: Shape, epoch: int, data: st.DataObject
) -> None:
    whole = read(EpochPlan(**shape, epoch=epoch))
    ranks = data.draw(st.sampled_from(divisors(shape["global_batch"])))
    start = data.draw(st.integers(0, len(whole)))
    # a new plan, read from the middle: what a resume on another number of ranks does
    assert read(EpochPlan(**shape, epoch=epoch), ranks=ranks, start=start) == whole[start:]


@fast
@given(shapes(tails=("drop", "wrap")), st.data())
def test_an_open_set_fills_an_epoch_of_constant_length_evenly(shape: Shape, data: st.DataObject) -> None:
    n = sum(shape["counts"])
    if not n:
        return
    opened = data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))
    plan = EpochPlan(**shape, positions=opened)
    assert len(plan) == len(EpochPlan(**shape))
    batches = read(plan, ranks=data.draw(st.sampled_from(divisors(shape["global_batch"]))))
    shown = flat(batches)
    assert len(shown) == len(plan) * shape["global_batch"]
    seen = Counter(shown)
    assert set(seen) <= set(opened)
    turns, rest = divmod(len(shown), len(opened))
    assert all(seen[position] in ({turns, turns + 1} if rest else {turns}) for position in opened)
    for turn in range(turns):
        assert sorted(shown[turn * len(opened) : (turn + 1) * len(opened)]) == sorted(opened)


@fast
@given(shapes(), st.integers(1, 5), st.data())
def test_length_buckets_exchange_samples_within_a_chunk_only(
    shape: Shape, chunk: int, data: st.DataObject
) -> None:
    if shape["shuffle"] == "lanes":
        shape["shuffle"] = "global"
    n = sum(shape["counts"])
    lengths = data.draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    plain = read(EpochPlan(**shape))
    plan = EpochPlan(**shape, lengths=lengths, bucket_batches=chunk)
    bucketed = read(plan, ranks=data.draw(st.sampled_from(divisors(shape["global_batch"]))))
    assert len(bucketed) == len(plain)
    if shape["shuffle"] == "none":
        assert all(all(valid) for _, valid in bucketed[:-1])
        assert all(valid == sorted(valid, reverse=True) for _, valid in bucketed)
    for first in range(0, len(plain), chunk):
        old, new = plain[first : first + chunk], bucketed[first : first + chunk]
        assert sorted(flat(new)) == sorted(flat(old))
        spans = [sorted(lengths[p] for p in flat([batch])) for batch in new]
        spans = sorted(span for span in spans if span)
        # batches do not overlap in length, whatever order they come in
        assert all(before[-1] <= after[0] for before, after in pairwise(spans))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    def order(seed: int, epoch: int, shuffle: Shuffle) -> list[int]:
        plan = EpochPlan([40, 25, 31], global_batch=8, seed=seed, epoch=epoch, shuffle=shuffle, window=30)
        return flat(read(plan))

    for shuffle in ("global", "lanes"):
        assert order(0, 0, shuffle) == order(0, 0, shuffle)
        assert order(0, 0, shuffle) != order(0, 1, shuffle)
        assert order(0, 0, shuffle) != order(1, 0, shuffle)
    assert order(0, 0, "none") == order(3, 5, "none") == list(range(96))


@pytest.mark.parametrize("shuffle", ["global", "lanes"])
@pytest.mark.parametrize("counts", [[21], [10, 11]])
def test_the_dropped_tail_changes_so_every_sample_is_seen(shuffle: Shuffle, counts: list[int]) -> None:
    seen: set[int] = set()
    for epoch in range(12):
        plan = EpochPlan(counts, global_batch=8, epoch=epoch, shuffle=shuffle, lanes=2)
        seen |= set(flat(read(plan)))
    assert seen == set(range(21))


def test_one_window_is_a_full_shuffle() -> None:
    """Every sample reaches every place: with windows of one shard, it could not leave its shard's row."""
    firsts = {
        flat(read(EpochPlan([4, 4, 4], global_batch=4, epoch=epoch, window=64)))[0] for epoch in range(200)
    }
    assert firsts == set(range(12))
    pairs = {
        frozenset(flat(read(EpochPlan([4, 4, 4], global_batch=4, epoch=epoch, window=64)))[:2])
        for epoch in range(800)
    }
    assert len(pairs) == 12 * 11 // 2


def test_small_windows_keep_a_shard_together() -> None:
    plan = EpochPlan([10] * 20, global_batch=10, window=10, seed=3)
    shards = [{p // 10 for p in rows} for rows, _ in read(plan)]
    assert all(len(of_batch) == 1 for of_batch in shards)
    assert [s for of_batch in shards for s in of_batch] != list(range(20))


def test_a_rank_reads_only_the_shards_of_its_lanes() -> None:
    counts = [10] * 16
    plan = EpochPlan(counts, global_batch=8, shuffle="lanes", lanes=4, seed=5)
    touched = [
        {p // 10 for batch in plan.batches(rank=rank, world_size=4) for p in batch.positions}
        for rank in range(4)
    ]
    # 16 shards in 4 lanes, cut anywhere: at most the shards at both ends are shared
    assert all(len(shards) <= 5 for shards in touched)
    in_all = [
        {
            p // 10
            for b in EpochPlan(counts, global_batch=8).batches(rank=r, world_size=4)
            for p in b.positions
        }
        for r in range(4)
    ]
    assert all(len(shards) > 10 for shards in in_all)


def test_order_is_pinned_and_equal_in_a_new_process() -> None:
    """A change of order breaks every resume: it must be deliberate, with a new plan version."""
    code = (
        "from affectkit.data.plan import EpochPlan\n"
        "for s in ('global', 'lanes'):\n"
        "    p = EpochPlan([5, 3, 4], global_batch=4, seed=7, epoch=2, shuffle=s, window=6, lanes=2)\n"
        "    print([b.positions.tolist() for b in p.batches()], p.fingerprint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == PINNED


PINNED = [
    "[[9, 10, 5, 11], [6, 8, 7, 2], [3, 4, 0, 1]] 0e644bbded681eeac869d337f104b10b",
    "[[6, 7, 4, 8], [1, 0, 3, 11], [2, 5, 9, 10]] ecc6f9e64dad01fbf9decd056d19795e",
]


def test_fingerprint_tells_what_the_order_depends_on_apart() -> None:
    base = EpochPlan([5, 3], global_batch=2)
    others = [
        EpochPlan([3, 5], global_batch=2),
        EpochPlan([5, 3], global_batch=4),
        EpochPlan([5, 3], global_batch=2, seed=1),
        EpochPlan([5, 3], global_batch=2, shuffle="none"),
        EpochPlan([5, 3], global_batch=2, window=9),
        EpochPlan([5, 3], global_batch=2, shuffle="lanes", lanes=2),
        EpochPlan([5, 3], global_batch=2, tail="wrap"),
        EpochPlan([5, 3], global_batch=2, positions=[0, 1]),
        EpochPlan([5, 3], global_batch=2, positions=[1, 0]),
        EpochPlan([5, 3], global_batch=2, lengths=[1] * 8),
    ]
    assert len({plan.fingerprint for plan in [base, *others]}) == len(others) + 1
    assert EpochPlan([5, 3], global_batch=2, epoch=4).fingerprint == base.fingerprint
    assert EpochPlan([5, 3], global_batch=2, lanes=2).fingerprint == base.fingerprint


def test_building_and_reading_a_huge_epoch_holds_one_window_only() -> None:
    plan = EpochPlan([10_000] * 10_000, global_batch=4096, window=20_000)
    last = plan.batch(len(plan) - 1, rank=4095, world_size=4096)
    assert plan.num_samples == 10**8 and len(plan) == 10**8 // 4096 and last.positions.shape == (1,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"global_batch": 0}, "global_batch of an epoch plan is 0"),
        ({"window": 0}, "window of an epoch plan is 0"),
        ({"seed": -1}, "seed of an epoch plan is -1"),
        ({"counts": [3, -1]}, "smallest number of counts"),
        ({"shuffle": "random"}, "shuffle is one of"),
        ({"shuffle": "lanes", "lanes": 3}, "cannot be dealt out to 3 lanes"),
        ({"shuffle": "lanes", "lanes": 2, "lengths": [1] * 5}, "lengths would mix the lanes"),
        ({"positions": []}, "positions hold 0 places"),
        ({"positions": [5]}, "not all within the 5 samples"),
        ({"positions": [-1]}, "not all within the 5 samples"),
        ({"positions": [1], "tail": "mask"}, "positions are for training"),
        ({"lengths": [1, 2]}, "lengths has 2 numbers for 5 samples"),
    ],
)
def test_impossible_plans_are_refused(wrong: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"counts": [5], "global_batch": 4, **wrong}
    with pytest.raises(PlanError, match=message):
        EpochPlan(**arguments)  # type: ignore[arg-type]


def test_an_unequal_share_and_a_wrong_rank_are_refused() -> None:
    plan = EpochPlan([40], global_batch=32)
    with pytest.raises(PlanError, match="choose 30 or 33"):
        plan.batch(0, rank=0, world_size=3)
    with pytest.raises(PlanError, match="rank 2 of 2 does not exist"):
        plan.batch(0, rank=2, world_size=2)
