"""The difference of two runs under the same missing patterns, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Final, NamedTuple

from affectkit.report.robustness.error import RobustnessError

#: Two-sided 95 % quantile of Student's t for 1, 2, ... degrees of freedom.
_T95: Final = [
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
]


class PairedDifference(NamedTuple):
    """Mean of second minus first, with the bounds of a 95 % interval; None where there is one pair only."""

    mean: float
    low: float | None
    high: float | None


def paired_difference(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    r"""Compare pair by pair, :math:`\bar d \pm t_{0.975, n-1}\, s_d / \sqrt n`.

    Args:
        first: Scores of the first run.
        second: Scores of the second run, in the same order.

    Raises:
        RobustnessError: If the scores cannot be paired.

    Examples:
        >>> found = paired_difference([0.5, 0.6, 0.7], [0.6, 0.8, 0.7])
        >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
        (0.1, -0.148, 0.348)
    """
    if len(first) != len(second) or not first:
        raise RobustnessError(
            f"{len(first)} and {len(second)} scores cannot be paired: measure both runs with the same seeds."
        )
    differences = [b - a for a, b in zip(first, second, strict=True)]
    centre, count = mean(differences), len(differences)
    if count == 1:
        return PairedDifference(centre, None, None)
    # From 31 pairs on the last entry is a little too wide, never too narrow.
    half = _T95[min(count - 1, len(_T95)) - 1] * stdev(differences) / count**0.5
    return PairedDifference(centre, centre - half, centre + half)
