"""What turns raw inputs of one modality into rows of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

#: Samples (channels, n) float32 in [-1, 1], and their rate in Hz: what a decoded audio member is.
Waveform = tuple[Tensor, int]


class FeatureExtractor(Protocol):
    """A frozen extractor: the same item always gives the same row, whatever stands beside it."""

    @property
    def modality(self) -> str:
        """``"text"`` (items are str), ``"visual"`` (uint8 (H, W, 3)) or ``"audio"`` (:data:`Waveform`)."""
        ...

    @property
    def out_dim(self) -> int:
        """Width D of the rows."""
        ...

    @property
    def identity(self) -> str:
        """Name, settings and digest of the weights; equal identities give equal features."""
        ...

    def __call__(self, items: Sequence[Any]) -> Tensor:
        """Turn n items into (n, D) float32 on the CPU."""
        ...
