"""The k most similar rows: exact, first of equals, and free of the size of a batch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.conversation.retrieval import exact_top_k, grid_rows


def vectors(count: int, *, dim: int = 5, seed: int = 0) -> Tensor:
    """Few different values, so that many rows are equally similar."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, (count, dim), generator=generator).float() * 0.3


def by_hand(query: list[int], rows: list[list[int]], k: int) -> list[int]:
    """Whole numbers of Python know no rounding."""
    scores = [sum(a * b for a, b in zip(query, row, strict=True)) for row in rows]
    return sorted(range(len(rows)), key=lambda place: (-scores[place], place))[:k]


@pytest.mark.parametrize("block", [1, 3, 8, 1000])
@pytest.mark.parametrize("k", [1, 4, 40, 60])
def test_equals_a_count_in_whole_numbers(block: int, k: int) -> None:
    queries, rows = grid_rows(vectors(9, seed=1)), grid_rows(vectors(40))
    _, positions = exact_top_k(queries, rows, k, block=block)
    whole = rows.long().tolist()
    assert positions.tolist() == [by_hand(query, whole, k) for query in queries.long().tolist()]


def test_cosines_are_those_of_the_definition() -> None:
    queries, rows = torch.randn(4, 7), torch.randn(30, 7) * 1e3
    cosines, positions = exact_top_k(grid_rows(queries), grid_rows(rows), 30)
    for query, places, found in zip(queries.tolist(), positions.tolist(), cosines.tolist(), strict=True):
        for place, value in zip(places, found, strict=True):
            row = rows[place].tolist()
            product = math.fsum(a * b for a, b in zip(query, row, strict=True))
            assert value == pytest.approx(product / math.hypot(*query) / math.hypot(*row), abs=1e-7)
    assert bool((cosines.diff(dim=1) <= 0).all())


def test_a_query_alone_gets_the_bits_it_gets_among_others() -> None:
    queries, rows = torch.randn(65, 384), torch.randn(700, 384)
    cosines, positions = exact_top_k(grid_rows(queries), grid_rows(rows), 20)
    for place in (0, 31, 64):
        alone = exact_top_k(grid_rows(queries[place : place + 1]), grid_rows(rows), 20, block=77)
        assert torch.equal(alone[0][0], cosines[place]) and torch.equal(alone[1][0], positions[place])


def test_a_row_of_zeros_is_like_nothing() -> None:
    cosines, positions = exact_top_k(
        grid_rows(torch.eye(2)), grid_rows(torch.tensor([[0.0, 0.0], [-1.0, 0.0], [2.0, 0.0]])), 3
    )
    assert cosines[0].tolist() == [1.0, 0.0, -1.0] and positions[0].tolist() == [2, 0, 1]


def test_no_query_is_no_answer() -> None:
    cosines, positions = exact_top_k(grid_rows(torch.zeros(0, 2)), grid_rows(torch.eye(2)), 1)
    assert cosines.shape == positions.shape == (0, 1)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows \(N, D\) of floats"):
        grid_rows(torch.zeros(3))
    with pytest.raises(ValueError, match="Row 1 of the vectors is not finite"):
        grid_rows(torch.tensor([[0.0], [math.nan]]))
