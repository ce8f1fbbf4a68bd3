"""A weight that sets in late."""

from __future__ import annotations

from typing import Literal, TypeAlias

from affectkit.functional import cosine_ramp

#: Half a cosine, or a straight line.
RampShape: TypeAlias = Literal["cosine", "linear"]


class WeightSchedule:
    r"""Weight of a loss that grows, or falls, between two points of training and then stays.

    .. math:: w(e) = w_0 + (w_1 - w_0)\, \tfrac12 \left(1 - \cos \pi \frac{e - b}{f - b}\right),
        \qquad b \le e \le f

    :class:`~affectkit.losses.WeightedSum` calls it with the progress of training in [0, 1];
    ``total`` says what a progress of 1 is in the unit of ``begin`` and ``finish``.

    Args:
        end: Weight :math:`w_1` from ``finish`` on.
        start: Weight :math:`w_0` up to ``begin``.
        begin: Where the ramp begins, e.g. an epoch.
        finish: Where it ends.
        total: Length of training in the same unit, e.g. ``max_epochs``.
        shape: ``"cosine"`` or ``"linear"``.

    Raises:
        ValueError: If the points are not in order, or the shape is unknown.

    References:
        NeuroGaze-Distill: its geometric prior grows from epoch 20 to 60 of 100 to a weight of 0.012.

    Examples:
        >>> weight = WeightSchedule(0.012, begin=20, finish=60, total=100)
        >>> [round(weight(progress), 6) for progress in (0.1, 0.4, 0.9)]
        [0.0, 0.006, 0.012]
    """

    def __init__(
        self,
        end: float,
        start: float = 0.0,
        *,
        begin: float = 0.0,
        finish: float = 1.0,
        total: float = 1.0,
        shape: RampShape = "cosine",
    ) -> None:
        if not 0 <= begin < finish <= total or shape not in ("cosine", "linear"):
            raise ValueError(
                f"WeightSchedule got begin={begin}, finish={finish}, total={total}, shape={shape!r}: give "
                "0 <= begin < finish <= total, and 'cosine' or 'linear'."
            )
        self.end = end
        self.start = start
        self.begin = begin
        self.finish = finish
        self.total = total
        self.shape = shape

    def __call__(self, progress: float) -> float:
        """Weight at a training progress in [0, 1]."""
        here = progress * self.total
        if self.shape == "cosine":
            share = cosine_ramp(here, self.begin, self.finish)
        else:
            share = min(max((here - self.begin) / (self.finish - self.begin), 0.0), 1.0)
        return self.start + share * (self.end - self.start)
