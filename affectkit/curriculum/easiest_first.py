"""The order that every curriculum cuts from."""

from __future__ import annotations

import math
from collections.abc import Sequence


def easiest_first(difficulty: Sequence[float]) -> list[int]:
    """Positions by rising difficulty; equal ones keep their order, so every rank has the same list.

    Raises:
        ValueError: If there is no sample, or a difficulty is NaN.

    Examples:
        >>> easiest_first([0.5, 0.1, 0.5, 0.0])
        [3, 1, 0, 2]
    """
    if not difficulty:
        raise ValueError("a curriculum got no samples: check that the training split is not empty.")
    unordered = [position for position, value in enumerate(difficulty) if math.isnan(value)]
    if unordered:
        raise ValueError(
            f"a curriculum got NaN as difficulty of sample {unordered[0]}: give every sample a number."
        )
    return sorted(range(len(difficulty)), key=difficulty.__getitem__)
