"""Means of groups against loops, and the groups of everybody."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.physiology import group_means

N = 30
VALUES = torch.randn(N, 2, generator=torch.Generator().manual_seed(0))
VALUES[::4, 1] = torch.nan
COLUMNS = {
    "scene": [f"s{row % 3}" for row in range(N)],
    "gender": ["male" if row % 2 else "female" for row in range(N)],
}


def naive(rows: list[int], column: int) -> float:
    known = [VALUES[row, column].item() for row in rows if not math.isnan(VALUES[row, column].item())]
    return sum(known) / len(known) if known else math.nan


def test_groups_equal_loops_and_totals_are_means_of_rows() -> None:
    found = group_means(VALUES, COLUMNS, totals={"gender": "all"})
    assert found.columns == ("scene", "gender")
    assert found.keys == sorted((s, g) for s in ("s0", "s1", "s2") for g in ("all", "female", "male"))
    for number, (scene, gender) in enumerate(found.keys):
        rows = [
            row
            for row in range(N)
            if COLUMNS["scene"][row] == scene and gender in ("all", COLUMNS["gender"][row])
        ]
        for column in range(2):
            expected = naive(rows, column)
            assert found.mean[number, column].item() == pytest.approx(expected, rel=1e-6, nan_ok=True)
        assert found.known[number, 0].item() == len(rows)
    assert int(found.known[:, 1].min()) < int(found.known[:, 0].min())


def test_a_group_without_a_known_value_is_absent() -> None:
    found = group_means(torch.tensor([1.0, torch.nan]), {"age": ["20s", "30s"]})
    assert found.keys == [("20s",), ("30s",)] and found.known.tolist() == [1, 0]
    assert found.mean[0] == 1.0 and bool(found.mean[1].isnan())


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"columns of lengths \{'age': 1\}"):
        group_means(torch.zeros(2), {"age": ["20s"]})
    with pytest.raises(ValueError, match="the total '20s' for 'age'"):
        group_means(torch.zeros(2), {"age": ["20s", "30s"]}, totals={"age": "20s"})
    with pytest.raises(ValueError, match="the total 'all' for 'gender'"):
        group_means(torch.zeros(1), {"age": ["20s"]}, totals={"gender": "all"})
