"""An order that goes round and round a given set of positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class CycledOrder:
    """A set of positions, gone through as often as needed and shuffled anew for each pass.

    Args:
        positions: The set, at least one; a position that stands in it twice is read twice a pass.
        entropy: Numbers that seed the shuffles; None keeps the given order in every pass.

    Examples:
        >>> import numpy as np
        >>> CycledOrder(np.array([5, 3]), entropy=None).slice(1, 5).tolist()
        [3, 5, 3, 5]
    """

    def __init__(self, positions: NDArray[np.int64], *, entropy: Sequence[int] | None) -> None:
        self._given = positions
        self._entropy = None if entropy is None else tuple(entropy)
        self._held: tuple[int, NDArray[np.int64]] = (-1, positions)

    def slice(self, start: int, stop: int) -> NDArray[np.int64]:
        """Positions at the places ``start`` to ``stop - 1`` of the endless order."""
        parts: list[NDArray[np.int64]] = []
        size = len(self._given)
        while start < stop:
            turn = start // size
            end = min(stop, (turn + 1) * size)
            parts.append(self._positions(turn)[start - turn * size : end - turn * size])
            start = end
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _positions(self, turn: int) -> NDArray[np.int64]:
        if self._entropy is None:
            return self._given
        if self._held[0] != turn:
            self._held = (turn, np.random.default_rng([*self._entropy, turn]).permutation(self._given))
        return self._held[1]
