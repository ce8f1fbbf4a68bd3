"""What is predicted for one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PicturePrediction(NamedTuple):
    """One row of a prediction; a picture that cannot be read has an ``error`` and nothing else.

    Attributes:
        position: Number of the picture among those that were given, from 0.
        path: The file, ``SPLIT/KEY`` in shards, or ``array``.
        region: What of the picture the model saw, e.g. ``"whole frame"``, before it was resized.
        label: The most probable label; None where the model predicts values alone.
        probabilities: Probability of each label, in the order of the label space.
        logits: What they were made from, in the same order.
        dims: Predicted values by name, e.g. valence.
        error: Why the picture could not be read, in one sentence.
    """

    position: int
    path: str
    region: str
    label: str | None
    probabilities: Mapping[str, float]
    logits: tuple[float, ...]
    dims: Mapping[str, float]
    error: str | None
