from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.functional import midranks, rank_correlation


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def naive_ranks(values: list[float]) -> list[float]:
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


def naive(x: list[float], y: list[float]) -> float:
    rows = [(a, b) for a, b in zip(x, y) if not (math.isnan(a) or math.isnan(b))]
    a, b = naive_ranks([row[0] for row in rows]), naive_ranks([row[1] for row in rows])
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    covariance = sum((p - ma) * (q - mb) for p, q in zip(a, b))
    return covariance / math.sqrt(sum((p - ma) ** 2 for p in a) * sum((q - mb) ** 2 for q in b))


def columns_with_gaps() -> Tensor:
    """Three categories, two dimensions with ties, and each side absent in other rows."""
    label = torch.arange(40) % 3
    columns = torch.cat([torch.nn.functional.one_hot(label, 3).double(), (noise(40, 2) * 2).round() / 2], 1)
    columns[:7, :3] = math.nan
    columns[5:12, 3] = math.nan
    columns[30:, 4] = math.nan
    return columns


def test_ranks_share_ties_and_count_rows_as_often_as_told() -> None:
    values = [2.0, 0.5, 2.0, -1.0, 2.0, 0.5]
    once = torch.ones(6, dtype=torch.float64)
    assert midranks(torch.tensor(values), once).tolist() == naive_ranks(values)
    twice = midranks(torch.tensor([0.5, 2.0, -1.0]), torch.tensor([2.0, 3.0, 1.0]).double())
    assert twice.tolist() == [2.5, 5.0, 1.0]


def test_every_pair_equals_the_definition_over_its_own_rows() -> None:
    columns = columns_with_gaps()
    result = rank_correlation(columns)
    for i in range(5):
        for j in range(5):
            expected = naive(columns[:, i].tolist(), columns[:, j].tolist())
            assert result[i, j].item() == pytest.approx(expected, abs=1e-12)


def test_a_count_stands_for_repeated_rows() -> None:
    columns = columns_with_gaps()
    count = torch.randint(1, 4, (40,), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        rank_correlation(columns, count),
        rank_correlation(columns.repeat_interleave(count, 0)),
        rtol=0,
        atol=1e-12,
    )


def test_it_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    columns = noise(30, 4).round(decimals=1)
    expected = torch.from_numpy(stats.spearmanr(columns.numpy()).statistic)
    torch.testing.assert_close(rank_correlation(columns), expected, rtol=0, atol=1e-12)


def test_what_is_constant_or_absent_has_no_correlation() -> None:
    columns = noise(10, 4)
    columns[:, 1] = 0.1  # 0.1 summed ten times is not exactly 1
    columns[:, 2] = math.nan
    columns[5:, 3], columns[:5, 0] = math.nan, math.nan  # never together
    result = rank_correlation(columns)
    assert result.isfinite().all()
    assert result.diagonal().tolist() == pytest.approx([1.0, 0.0, 0.0, 1.0])
    assert not (result - torch.diag(result.diagonal())).any()
    assert rank_correlation(torch.zeros(0, 2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="give \\(n, N\\)"):
        rank_correlation(torch.zeros(3, 2), torch.ones(2))
