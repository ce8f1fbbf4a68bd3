"""Half a cosine from 0 to 1."""

from __future__ import annotations

import math


def cosine_ramp(position: float, begin: float, finish: float) -> float:
    r"""Share of a ramp that is behind: 0 up to ``begin``, 1 from ``finish`` on, smooth between.

    .. math:: r(x) = \tfrac12 \left(1 - \cos \pi \frac{x - b}{f - b}\right)

    Args:
        position: Where training is, in any unit.
        begin: Where the ramp begins, in the same unit.
        finish: Where it ends, after ``begin``.

    Examples:
        >>> [round(cosine_ramp(epoch, 20, 60), 6) for epoch in (0, 20, 40, 60, 99)]
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    share = min(max((position - begin) / (finish - begin), 0.0), 1.0)
    return 0.5 * (1.0 - math.cos(math.pi * share))
