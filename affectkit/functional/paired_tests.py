"""Whether one system beats another on the same seeds or folds."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, inf, sqrt
from statistics import fmean, stdev

from affectkit.functional.student_t import student_t_tails


def paired_t_test(differences: Sequence[float], *, test_ratio: float = 0.0) -> float:
    r"""Two-sided p value of a mean difference.

    .. math:: t = \frac{\bar d}{s_d \sqrt{1/n + \rho}}, \qquad p = P(|T_{n-1}| \ge |t|)

    Args:
        differences: A difference of each pair.
        test_ratio: :math:`\rho`, 0 for the usual test. Folds share most of their training rows, so that the
            usual test finds differences where there are none: give rows of a test part over rows of its
            training part, 1 / (k - 1) for k folds, repeated or not.

    Raises:
        ValueError: If there are fewer than two pairs, or the ratio is negative.

    References:
        Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.

        Bouckaert and Frank, Evaluating the Replicability of Significance Tests for Comparing Learning
        Algorithms, PAKDD 2004 (repeated folds).

    Examples:
        >>> round(paired_t_test([0.1, 0.2, 0.3]), 4), round(paired_t_test([0.1, 0.2, 0.3], test_ratio=0.5), 4)
        (0.0742, 0.1598)
    """
    n = len(differences)
    if n < 2 or test_ratio < 0:
        raise ValueError(
            f"paired_t_test got {n} pairs and test_ratio={test_ratio}: give two pairs or more, and 0 or more."
        )
    mean, sd = fmean(differences), stdev(differences)
    if sd == 0:
        return 1.0 if mean == 0 else student_t_tails(copysign(inf, mean), n - 1)
    return student_t_tails(mean / (sd * sqrt(1 / n + test_ratio)), n - 1)


def signed_rank_test(differences: Sequence[float]) -> float:
    """Two-sided p value of Wilcoxon's signed rank test, exact with ties too.

    Pairs that differ by nothing are left out. All signs of the ranks that occur are counted, not
    approximated, so that with n pairs no p value is below 2 / 2^n: five seeds can never reach 0.05.

    Args:
        differences: A difference of each pair.

    Raises:
        ValueError: If there is no pair.

    References:
        Wilcoxon, Individual Comparisons by Ranking Methods, Biometrics Bulletin 1, 1945.

    Examples:
        >>> signed_rank_test([0.1, 0.2, 0.3, 0.4, 0.5])
        0.0625
    """
    if not differences:
        raise ValueError("signed_rank_test got no difference: give one for each pair.")
    kept = [difference for difference in differences if difference != 0]
    if not kept:
        return 1.0
    sizes = [abs(difference) for difference in kept]
    # Twice the rank is whole where ties share the mean of theirs.
    ranks = [sum(2 for other in sizes if other < size) + sizes.count(size) + 1 for size in sizes]
    positive = sum(rank for rank, difference in zip(ranks, kept, strict=True) if difference > 0)
    # How many of the 2^n choices of signs give each sum.
    ways = [1] + [0] * sum(ranks)
    for rank in ranks:
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    tail = min(sum(ways[: positive + 1]), sum(ways[positive:]))
    choices: int = 2 ** len(ranks)
    return min(1.0, 2 * tail / choices)


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """P values for several comparisons at once: below 0.05, the chance of any false one is.

    Args:
        p_values: One for each comparison.

    References:
        Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6,
        1979.

    Examples:
        >>> holm_adjusted([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    found = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        found[index] = largest
    return found
