"""Intervals and tests of few runs, against scipy and against counting."""

from __future__ import annotations

import itertools
import math
import random
from statistics import fmean, stdev

import pytest

from affectkit.functional import (
    holm_adjusted,
    paired_t_test,
    score_summary,
    signed_rank_test,
    student_t_quantile,
    student_t_tails,
)

stats = pytest.importorskip("scipy.stats", reason="no scipy to compare with")


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 9, 30, 101])
def test_the_distribution_is_that_of_scipy(df: int) -> None:
    for value in (0.0, 0.1, -1.0, 2.5, 12.0):
        assert student_t_tails(value, df) == pytest.approx(2 * float(stats.t.sf(abs(value), df)), abs=1e-12)
    for level in (0.5, 0.95, 0.999):
        expected = float(stats.t.ppf((1 + level) / 2, df))
        assert student_t_quantile(level, df) == pytest.approx(expected, rel=1e-9)


def draws(n: int) -> list[float]:
    chooser = random.Random(n)
    return [chooser.gauss(0.3, 1.0) for _ in range(n)]


@pytest.mark.parametrize("n", [2, 5, 12])
def test_means_and_the_paired_test_are_those_of_scipy(n: int) -> None:
    values = draws(n)
    assert paired_t_test(values) == pytest.approx(float(stats.ttest_1samp(values, 0).pvalue), abs=1e-12)
    found = score_summary(values)
    low, high = stats.t.interval(0.95, n - 1, loc=fmean(values), scale=stdev(values) / math.sqrt(n))
    assert (found.low, found.high) == pytest.approx((float(low), float(high)))
    assert (found.n, found.mean, found.sd) == (n, fmean(values), stdev(values))


def test_folds_count_for_less_than_seeds() -> None:
    values = draws(10)
    ratio = 1 / 9
    t = fmean(values) / (stdev(values) * math.sqrt(1 / 10 + ratio))
    assert paired_t_test(values, test_ratio=ratio) == pytest.approx(2 * float(stats.t.sf(abs(t), 9)))
    plain, folds = score_summary(values), score_summary(values, test_ratio=ratio)
    assert plain.low is not None and folds.low is not None
    assert folds.mean - folds.low == pytest.approx((plain.mean - plain.low) * math.sqrt(1 + 10 * ratio))


def test_one_run_has_no_interval_and_equal_runs_no_doubt() -> None:
    assert score_summary([0.4]) == (1, 0.4, None, None, None)
    assert paired_t_test([0.0, 0.0]) == 1.0
    assert paired_t_test([0.5, 0.5]) == 0.0


def naive(differences: list[float]) -> float:
    """All choices of signs, one by one."""
    kept = [d for d in differences if d]
    sizes = [abs(d) for d in kept]
    ranks = [sum(o < s for o in sizes) + (sizes.count(s) + 1) / 2 for s in sizes]
    seen = sum(r for r, d in zip(ranks, kept, strict=True) if d > 0)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product((0, 1), repeat=len(ranks))]
    tails = (sum(s <= seen for s in sums), sum(s >= seen for s in sums))
    return min(1.0, 2 * min(tails) / len(sums))


@pytest.mark.parametrize("n", [1, 5, 9, 14])
def test_signed_ranks_are_counted(n: int) -> None:
    values = draws(n)
    assert signed_rank_test(values) == pytest.approx(naive(values), abs=1e-12)
    assert signed_rank_test(values) == pytest.approx(float(stats.wilcoxon(values, method="exact").pvalue))
    tied = [round(value) / 2 for value in values] + [0.0, 0.5]
    assert signed_rank_test(tied) == pytest.approx(naive(tied), abs=1e-12)


def test_signed_ranks_without_a_difference() -> None:
    assert signed_rank_test([0.0, 0.0]) == 1.0
    assert signed_rank_test([-value for value in draws(7)]) == signed_rank_test(draws(7))


def test_holm_is_the_definition() -> None:
    values = [0.04, 0.01, 0.5, 0.011, 0.9]
    ordered = sorted(values)
    expected = [min(1.0, max((5 - j) * ordered[j] for j in range(ordered.index(p) + 1))) for p in values]
    assert holm_adjusted(values) == pytest.approx(expected)
    assert holm_adjusted([0.03]) == [0.03] and holm_adjusted([]) == []


def test_what_cannot_be_tested_is_refused() -> None:
    for call in (
        lambda: student_t_tails(1.0, 0),
        lambda: student_t_quantile(1.0, 3),
        lambda: score_summary([]),
        lambda: score_summary([1.0], test_ratio=-1.0),
        lambda: paired_t_test([1.0]),
        lambda: signed_rank_test([]),
    ):
        with pytest.raises(ValueError, match=": give "):
            call()
