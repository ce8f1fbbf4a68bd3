"""Pacing that opens data continuously."""

from __future__ import annotations

from affectkit.functional.pacing import competence_pacing


class CompetencePacing:
    r""":func:`affectkit.functional.competence_pacing` with its numbers fixed.

    .. math:: c(t) = \left(c_0^p + (1 - c_0^p) \min(1, t / T)\right)^{1/p}

    with :math:`c_0` = ``start``, T = ``full_at`` and p = ``power``.

    Args:
        start: Share open at the beginning.
        full_at: Progress from which everything is open.
        power: 1 = linear, 2 = square root.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> CompetencePacing(start=0.5, full_at=1.0, power=1.0)(0.5)
        0.75
    """

    def __init__(self, *, start: float = 0.2, full_at: float = 0.5, power: float = 2.0) -> None:
        self.start = start
        self.full_at = full_at
        self.power = power
        self(0.0)

    def __call__(self, progress: float) -> float:
        """Share open at ``progress``."""
        return competence_pacing(progress, start=self.start, full_at=self.full_at, power=self.power)
