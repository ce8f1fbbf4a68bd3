from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from affectkit.functional import (
    batch_all_counts,
    euclidean_distances,
    hardest_pairs,
    row_blocks,
    semi_hard_counts,
    triplet_sides,
)

#: Whole numbers, so that ties are many and exact.
Rows = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from("pnx")), min_size=6, max_size=6),
    min_size=1,
    max_size=5,
)


def tensors(rows: list[list[tuple[int, str]]]) -> tuple[Tensor, Tensor, Tensor]:
    distance = torch.tensor([[float(value) for value, _ in row] for row in rows])
    positive = torch.tensor([[kind == "p" for _, kind in row] for row in rows])
    negative = torch.tensor([[kind == "n" for _, kind in row] for row in rows])
    return distance, positive, negative


def loop(distance: Tensor, positive: Tensor, negative: Tensor, margin: float, *, mining: str) -> Tensor:
    counts = torch.zeros_like(distance)
    for i, row in enumerate(distance.tolist()):
        positives = positive[i].nonzero().flatten().tolist()
        negatives = negative[i].nonzero().flatten().tolist()
        if mining == "all":
            triplets = list(product(positives, negatives))
        else:
            triplets = []
            for p in positives if negatives else []:
                beyond = [n for n in negatives if row[n] > row[p]]
                n = min(beyond, key=row.__getitem__) if beyond else max(negatives, key=row.__getitem__)
                triplets.append((p, n))
        for p, n in triplets:
            if row[p] + margin > row[n]:
                counts[i, p] += 1
                counts[i, n] -= 1
    return counts


@settings(max_examples=150, deadline=None)
@given(Rows, st.sampled_from([0.0, 1.0, 2.0]))
def test_all_triplets_are_counted_as_a_loop_counts_them(
    rows: list[list[tuple[int, str]]], margin: float
) -> None:
    distance, positive, negative = tensors(rows)
    counts = batch_all_counts(distance + margin * positive, positive, negative)
    assert torch.equal(counts, loop(distance, positive, negative, margin, mining="all"))


@settings(max_examples=150, deadline=None)
@given(Rows, st.sampled_from([0.0, 1.0, 2.0]))
def test_semi_hard_triplets_weigh_as_much_as_those_of_a_loop(
    rows: list[list[tuple[int, str]]], margin: float
) -> None:
    distance, positive, negative = tensors(rows)
    counts = semi_hard_counts(distance, distance + margin * positive, positive, negative)
    expected = loop(distance, positive, negative, margin, mining="semi")
    # Of negatives at one distance either may be taken: what counts is how many at each distance.
    assert torch.equal(counts.clamp(min=0), expected.clamp(min=0))
    for value in range(5):
        at = negative & (distance == value)
        assert torch.equal((counts * at).sum(1), (expected * at).sum(1))


def test_without_a_hinge_every_triplet_counts() -> None:
    distance, positive, negative = tensors([[(0, "x"), (0, "p"), (4, "n"), (4, "n"), (1, "p"), (2, "n")]])
    counts = batch_all_counts(distance, positive, negative, hinge=False)
    assert counts.tolist() == [[0.0, 3.0, -2.0, -2.0, 3.0, -2.0]]


def test_rows_are_sorted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    distance = torch.rand(7, 9, generator=torch.Generator().manual_seed(0))
    positive = distance > 0.6
    negative = distance < 0.5
    sides = (distance + 0.3 * positive, positive, negative)
    whole = batch_all_counts(*sides), semi_hard_counts(distance, *sides)
    monkeypatch.setitem(row_blocks._NUMBERS, "cpu", 20)
    parts = batch_all_counts(*sides), semi_hard_counts(distance, *sides)
    for one, other in zip(whole, parts):
        assert torch.equal(one, other)


def test_far_positives_have_a_finite_gradient() -> None:
    distance = torch.tensor([1.0, 22.3, 24.0, 400.0], requires_grad=True)
    pull, _ = triplet_sides(distance, torch.ones(4), "adaptive")
    torch.autograd.backward(pull.sum())
    assert distance.grad is not None
    assert distance.grad[1:].tolist() == [1.0, 1.0, 1.0]


def test_distances_of_rows_far_from_the_origin_keep_their_digits() -> None:
    rows = torch.randn(60, 16, generator=torch.Generator().manual_seed(0)) + 1000
    exact = torch.cdist(rows.double(), rows.double(), compute_mode="donot_use_mm_for_euclid_dist")
    others = ~torch.eye(60, dtype=torch.bool)
    found = euclidean_distances(rows, rows).double()
    torch.testing.assert_close(found[others], exact[others], rtol=1e-4, atol=1e-4)
    label = torch.arange(60) % 3
    pairs = hardest_pairs(rows, rows, label, label, torch.arange(60))
    same = label.unsqueeze(1) == label
    assert torch.equal(pairs.negative, exact.masked_fill(same, torch.inf).argmin(1))
    assert torch.equal(pairs.positive, exact.masked_fill(~same, -torch.inf).argmax(1))
