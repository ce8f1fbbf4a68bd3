"""An order of positions that is shuffled within windows and can be read from any place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class WindowedOrder:
    """Runs of neighbouring positions, shuffled window by window and built only when asked for.

    A window is as many whole runs as are needed to hold ``window`` positions. Only the window
    that was read last is kept, so the memory in use depends on the window and on the number of
    runs, not on the number of positions.

    Args:
        starts: First position of each run, in reading order.
        lengths: Number of positions of each run, each at least 1.
        window: Number of positions that a window holds at least.
        entropy: Numbers that seed the shuffle; None reads the runs as they are.

    Examples:
        >>> import numpy as np
        >>> order = WindowedOrder(np.array([4, 0]), np.array([2, 4]), window=2, entropy=None)
        >>> order.slice(0, 6).tolist()
        [4, 5, 0, 1, 2, 3]
    """

    def __init__(
        self,
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        *,
        window: int,
        entropy: Sequence[int] | None,
    ) -> None:
        self._starts = starts
        self._lengths = lengths
        self._entropy = None if entropy is None else tuple(entropy)
        ends = np.cumsum(lengths)
        self._size = int(ends[-1]) if len(ends) else 0
        first_runs = [0] if len(ends) else []
        place = window
        while place < self._size:
            run = int(np.searchsorted(ends, place, side="left")) + 1
            if run >= len(ends):
                break
            first_runs.append(run)
            place = int(ends[run - 1]) + window
        self._first_run = np.array([*first_runs, len(ends)], dtype=np.int64)
        self._first_place = np.concatenate([np.zeros(1, np.int64), ends])[self._first_run]
        self._held: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        return self._size

    def slice(self, start: int, stop: int) -> NDArray[np.int64]:
        """Positions at the places ``start`` to ``stop - 1`` of the order."""
        parts: list[NDArray[np.int64]] = []
        while start < stop:
            window = int(np.searchsorted(self._first_place, start, side="right")) - 1
            first, end = int(self._first_place[window]), int(self._first_place[window + 1])
            parts.append(self._positions(window)[start - first : min(stop, end) - first])
            start = end
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _positions(self, window: int) -> NDArray[np.int64]:
        if self._held[0] != window:
            runs = slice(int(self._first_run[window]), int(self._first_run[window + 1]))
            lengths = self._lengths[runs]
            before = np.cumsum(lengths) - lengths
            positions = np.repeat(self._starts[runs] - before, lengths)
            positions += np.arange(len(positions))
            if self._entropy is not None:
                np.random.default_rng([*self._entropy, window]).shuffle(positions)
            self._held = (window, positions)
        return self._held[1]
