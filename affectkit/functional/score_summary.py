"""What several runs scored: mean, deviation and interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from affectkit.functional.student_t import student_t_quantile


class ScoreSummary(NamedTuple):
    """Summary of n scores; the last three are None where there is one only.

    Attributes:
        n: Number of scores.
        mean: Their mean.
        sd: Their standard deviation, over n - 1.
        low: Lower bound of a 95 % interval of the mean.
        high: Upper bound.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None


def score_summary(values: Sequence[float], *, test_ratio: float = 0.0) -> ScoreSummary:
    r"""Mean of runs with Student's interval.

    .. math:: \bar x \pm t_{0.975, n-1}\; s \sqrt{\tfrac1n + \rho}

    Args:
        values: A score of each run.
        test_ratio: :math:`\rho`: rows of a test part over rows of its training part where runs are folds of
            one data set, whose training parts overlap; 1 / (k - 1) for k folds, 0 for seeds.

    Raises:
        ValueError: If there is no score, or the ratio is negative.

    References:
        Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003 (the ratio).

    Examples:
        >>> found = score_summary([0.5, 0.6, 0.7])
        >>> round(found.mean, 3), round(found.sd, 3), round(found.low, 3), round(found.high, 3)
        (0.6, 0.1, 0.352, 0.848)
    """
    if not values or test_ratio < 0:
        raise ValueError(
            f"score_summary got {len(values)} scores and test_ratio={test_ratio}: give one, and 0 or more."
        )
    mean, n = fmean(values), len(values)
    if n == 1:
        return ScoreSummary(n, mean, None, None, None)
    sd = stdev(values)
    half = student_t_quantile(0.95, n - 1) * sd * sqrt(1 / n + test_ratio)
    return ScoreSummary(n, mean, sd, mean - half, mean + half)
