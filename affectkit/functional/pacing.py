"""How much of the data, easiest first, is open at a moment of training."""

from __future__ import annotations

import math


def step_pacing(progress: float, *, steps: int) -> float:
    r"""Open equal shares one after another, :math:`\min(1, (\lfloor t n \rfloor + 1) / n)`.

    Args:
        progress: Place t in training, 0 to 1.
        steps: Number n of shares.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> [step_pacing(p, steps=4) for p in (0.0, 0.3, 0.75, 1.0)]
        [0.25, 0.5, 1.0, 1.0]
    """
    _check_progress(progress)
    if steps < 1:
        raise ValueError(f"step_pacing got steps={steps}: give at least 1.")
    return min(1.0, (math.floor(progress * steps) + 1) / steps)


def competence_pacing(
    progress: float, *, start: float = 0.2, full_at: float = 0.5, power: float = 2.0
) -> float:
    r"""Open data continuously, :math:`(c_0^p + (1 - c_0^p) \min(1, t / T))^{1/p}`.

    ``power`` 1 is linear growth; 2 (square root) adds new data ever more slowly, so that each new
    sample is seen as often as the earlier ones were.

    Args:
        progress: Place t in training, 0 to 1.
        start: Share :math:`c_0` open at the beginning.
        full_at: Progress T from which everything is open.
        power: Exponent p.

    Raises:
        ValueError: If an argument is out of range.

    References:
        E. A. Platanios, O. Stretcu, G. Neubig, B. Poczos, T. M. Mitchell. Competence-based Curriculum
        Learning for Neural Machine Translation. NAACL 2019. arXiv:1903.09848.

    Examples:
        >>> competence_pacing(0.25, start=0.5, full_at=0.5, power=1.0)
        0.75
    """
    _check_progress(progress)
    if not (0.0 < start <= 1.0 and 0.0 < full_at <= 1.0 and power > 0.0):
        raise ValueError(
            f"competence_pacing got start={start}, full_at={full_at}, power={power}: "
            "give start and full_at in (0, 1] and power > 0."
        )
    grown = min(1.0, progress / full_at)
    floor = math.pow(start, power)
    return min(1.0, math.pow(floor + (1.0 - floor) * grown, 1.0 / power))


def _check_progress(progress: float) -> None:
    if not 0.0 <= progress <= 1.0:
        raise ValueError(f"a pacing got progress={progress}: give the place in training as a share, 0 to 1.")
