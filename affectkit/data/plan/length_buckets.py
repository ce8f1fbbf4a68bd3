"""Batches of samples of like length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Places = tuple[NDArray[np.int64], NDArray[np.bool_]]


class ReadPlaces(Protocol):
    """Positions and validity at the places ``start`` to ``stop - 1`` of an epoch."""

    def __call__(self, start: int, stop: int) -> Places:
        """Read them."""
        ...


class LengthBuckets:
    """Sorts the samples of some neighbouring batches by length and deals them out again.

    The batches of one chunk are exchanged among themselves only: no sample is lost or repeated,
    and what stands in a batch follows from the global batch alone, not from the ranks.

    Args:
        lengths: Length of each sample of the store.
        batches: Number of neighbouring batches that are sorted together.
        entropy: Numbers that seed the order of the batches within a chunk; None leaves the
            short batches first.
    """

    def __init__(self, lengths: NDArray[np.int64], *, batches: int, entropy: Sequence[int] | None) -> None:
        self._lengths = lengths
        self._batches = batches
        self._entropy = None if entropy is None else tuple(entropy)
        self._held: tuple[int, Places] = (-1, (np.empty(0, np.int64), np.empty(0, np.bool_)))

    def batch(self, step: int, *, read: ReadPlaces, global_batch: int, num_batches: int) -> Places:
        """Positions and validity of global batch ``step`` of an epoch that ``read`` reads."""
        chunk = step // self._batches
        first = chunk * self._batches
        if self._held[0] != chunk:
            stop = min(num_batches, first + self._batches)
            positions, valid = read(first * global_batch, stop * global_batch)
            # filling rows go last, so that they stay together in the last batch
            order = np.lexsort((self._lengths[positions], ~valid)).reshape(stop - first, global_batch)
            if self._entropy is not None:
                np.random.default_rng([*self._entropy, chunk]).shuffle(order)
            self._held = (chunk, (positions[order], valid[order]))
        positions, valid = self._held[1]
        return positions[step - first], valid[step - first]
