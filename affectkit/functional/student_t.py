"""Student's t distribution, so that a mean of few runs gets an honest interval."""

from __future__ import annotations

import math


def student_t_tails(value: float, df: int) -> float:
    r"""Probability of a value at least as far from 0, :math:`P(|T| \ge |t|)`.

    The distribution is a finite sum for whole degrees of freedom, so that no statistics package is needed.

    Args:
        value: t.
        df: Degrees of freedom.

    Raises:
        ValueError: If there is no degree of freedom.

    References:
        Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4.

    Examples:
        >>> round(student_t_tails(2.776, 4), 4), student_t_tails(0.0, 3)
        (0.05, 1.0)
    """
    if df < 1:
        raise ValueError(f"student_t_tails got df={df}: give 1 or more, as of two values or more.")
    if math.isinf(value):
        return 0.0
    angle = math.atan(abs(value) / math.sqrt(df))
    cosine, sine = math.cos(angle), math.sin(angle)
    # Terms 1, 1/2 c^2, (1 3)/(2 4) c^4, ... or c, 2/3 c^3, (2 4)/(3 5) c^5, ...
    term = cosine if df % 2 else 1.0
    total = 0.0
    for place in range(1 + df % 2, df, 2):
        total += term
        term *= cosine * cosine * place / (place + 1)
    inside = 2 / math.pi * (angle + sine * total) if df % 2 else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def student_t_quantile(level: float, df: int) -> float:
    """The t that holds a share of the distribution between -t and t.

    Args:
        level: Share in (0, 1), e.g. 0.95.
        df: Degrees of freedom.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> round(student_t_quantile(0.95, 4), 3)
        2.776
    """
    if not 0 < level < 1:
        raise ValueError(f"student_t_quantile got level={level}: give a share between 0 and 1.")
    low, high = 0.0, 1.0
    while student_t_tails(high, df) > 1 - level:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if student_t_tails(middle, df) > 1 - level:
            low = middle
        else:
            high = middle
    return high
