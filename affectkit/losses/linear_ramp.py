"""A weight that changes while training progresses."""

from __future__ import annotations


class LinearRamp:
    r"""A weight that goes linearly from one value to another while training progresses.

    .. math:: w(t) = s + (e - s) \min\left(1, \max\left(0, \frac{t - b}{f - b}\right)\right)

    from s = ``start`` to e = ``end``, between b = ``begin`` and f = ``finish``.

    Args:
        start: Weight up to ``begin``.
        end: Weight from ``finish`` on.
        begin: Progress in [0, 1] at which the ramp begins.
        finish: Progress at which it ends.

    Examples:
        >>> ramp = LinearRamp(1.0, 0.0, begin=0.5)
        >>> ramp(0.0), ramp(0.75), ramp(1.0)
        (1.0, 0.5, 0.0)
    """

    def __init__(self, start: float, end: float, *, begin: float = 0.0, finish: float = 1.0) -> None:
        if not 0.0 <= begin < finish <= 1.0:
            raise ValueError(f"LinearRamp got begin={begin}, finish={finish}; give 0 <= begin < finish <= 1.")
        self.start = start
        self.end = end
        self.begin = begin
        self.finish = finish

    def __call__(self, progress: float) -> float:
        """Weight at a training progress in [0, 1]."""
        share = min(max((progress - self.begin) / (self.finish - self.begin), 0.0), 1.0)
        return self.start + share * (self.end - self.start)
