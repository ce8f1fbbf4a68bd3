"""What a task hands on when it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class AffectPrediction(NamedTuple):
    """Predictions for the samples of a batch, rows that only fill the batch already removed.

    Shape:
        - keys: N keys of samples.
        - positions: (N,) int64, places in the store, or -1 where the data do not say.
        - valid: (N,) or (N, U) bool; False marks the padding of a conversation.
        - logits: (N, C) or (N, U, C) float32, or None.
        - label: (N,) or (N, U) int64, index of the largest logit, -1 on padding; None without logits.
        - dims: (N, V) or (N, U, V) float32, or None.
        - target: (N,) or (N, U) int64, -100 where unknown; None without labels.
        - speaker: (N, U) int64, -1 where unknown; None where the data do not say.
        - shares: share of each modality by its name, (N,) or (N, U) float32; None where the fusion has none.
    """

    keys: list[str]
    positions: Tensor
    valid: Tensor
    logits: Tensor | None = None
    label: Tensor | None = None
    dims: Tensor | None = None
    target: Tensor | None = None
    speaker: Tensor | None = None
    shares: Mapping[str, Tensor] | None = None
