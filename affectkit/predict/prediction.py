"""What is predicted for one picture, sound, clip, text or turn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple


class Prediction(NamedTuple):
    """One row of a prediction; what cannot be read has an ``error`` and neither label nor values.

    Attributes:
        position: Number of the row among all, from 0.
        path: The file, ``SPLIT/KEY`` in shards, or ``array``.
        region: What of the file the model saw, e.g. ``"whole frame"``, before it was resized.
        label: The most probable label; None where the model predicts values alone.
        probabilities: Probability of each label, in the order of the label space.
        logits: What the model gave, in the same order, before any scaling.
        dims: Predicted values by name, e.g. valence.
        error: Why it could not be read, in one sentence.
        part: Which part of the file this is, e.g. ``"line 3"``; empty = all of it.
        start: Where the part begins, in seconds; None where the file has no times.
        stop: Where it ends.
        text: What was read, of texts and turns.
        data: SHA-256 of the file, in hexadecimal digits; of an array or sample, of its bytes.
        labels: Where labels may hold together, those over the threshold; None where one holds.
        scaling: What the logits were scaled by, e.g. ``"temperature 1.3100"``; empty = nothing.

    Examples:
        >>> row = Prediction(0, "a.txt", "text", "joy", {"joy": 0.5, "fear": 0.5}, (), {}, None)
        >>> row.top, round(row.entropy, 3)
        (0.5, 0.693)
    """

    position: int
    path: str
    region: str
    label: str | None
    probabilities: Mapping[str, float]
    logits: tuple[float, ...]
    dims: Mapping[str, float]
    error: str | None
    part: str = ""
    start: float | None = None
    stop: float | None = None
    text: str = ""
    data: str = ""
    labels: tuple[str, ...] | None = None
    scaling: str = ""

    @property
    def top(self) -> float | None:
        """The largest probability; None without any."""
        return max(self.probabilities.values(), default=None)

    @property
    def entropy(self) -> float | None:
        """Entropy of the probabilities in nats, 0 = sure; None without any.

        Of labels that may hold together, the sum of that of each.
        """
        if not self.probabilities:
            return None
        chances = list(self.probabilities.values())
        if self.labels is not None:
            chances += [1.0 - p for p in chances]
        # Adding 0.0 turns the negative zero of a sure model into zero.
        return -sum(p * math.log(p) for p in chances if p > 0.0) + 0.0
