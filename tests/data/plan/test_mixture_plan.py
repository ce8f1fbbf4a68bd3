from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.data.plan import MixturePlan, PlanError

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@given(SIZES, st.lists(st.floats(0.3, 4.0), min_size=4, max_size=4), st.integers(0, 5), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_every_batch_of_a_source_is_read_equally_often(
    sizes: list[int], factors: list[float], seed: int, epochs: int
) -> None:
    passes = {f"s{i}": size for i, size in enumerate(sizes)}
    repeats = {name: factor + 1 / passes[name] for name, factor in zip(passes, factors)}
    plan = MixturePlan(passes, repeats=repeats, seed=seed)
    read = {name: [0] * size for name, size in passes.items()}
    follows = dict.fromkeys(passes, 0)
    for epoch in range(epochs):
        sources = plan.sources(epoch)
        assert Counter(sources) == plan.shares and len(sources) == len(plan)
        for number, name in enumerate(sources):
            turn, batch = plan.position(name, epoch=epoch, batch=number)
            assert turn * passes[name] + batch == follows[name]
            follows[name] += 1
            read[name][batch] += 1
    for name, counts in read.items():
        assert max(counts) - min(counts) <= 1
        assert abs(plan.shares[name] - repeats[name] * passes[name]) <= 0.5 + 1e-9


@given(SIZES, st.lists(st.integers(1, 5), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_weights_share_out_all_batches(sizes: list[int], weights: list[int]) -> None:
    passes = {f"s{i}": 5 * size for i, size in enumerate(sizes)}
    given_weights = {name: float(weight) for name, weight in zip(passes, weights)}
    plan = MixturePlan(passes, weights=given_weights)
    assert len(plan) == sum(passes.values())
    for name, share in plan.shares.items():
        exact = given_weights[name] / sum(given_weights.values()) * len(plan)
        assert abs(share - exact) < 1


def test_the_order_follows_from_seed_and_epoch() -> None:
    plan = MixturePlan({"a": 8, "b": 8}, seed=1)
    assert plan.sources(0) == MixturePlan({"a": 8, "b": 8}, seed=1).sources(0)
    orders = {tuple(MixturePlan({"a": 8, "b": 8}, seed=s).sources(e)) for s in range(3) for e in range(3)}
    assert len(orders) == 9


@pytest.mark.parametrize(
    ("passes", "options", "message"),
    [
        ({}, {}, "at least one batch"),
        ({"a": 3, "b": 0}, {}, "at least one batch"),
        ({"a": 3}, {"repeats": {"b": 2.0}}, "'b'"),
        ({"a": 3}, {"repeats": {"a": 0.0}}, "positive"),
        ({"a": 3}, {"weights": {"a": float("nan")}}, "positive"),
        ({"a": 3, "b": 3}, {"weights": {"a": 1.0}}, "no weight for 'b'"),
        ({"a": 3}, {"weights": {"a": 1.0}, "repeats": {"a": 1.0}}, "one of them"),
        ({"a": 3, "b": 3}, {"repeats": {"b": 0.1}}, "without a batch"),
        ({"a": 3, "b": 3}, {"weights": {"a": 1.0, "b": 0.01}}, "without a batch"),
    ],
)
def test_numbers_that_make_no_mixture_are_refused(
    passes: dict[str, int], options: dict[str, dict[str, float]], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        MixturePlan(passes, repeats=options.get("repeats"), weights=options.get("weights"))
