"""Which pictures a model finds most like a class."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Literal

from affectkit.predict.error import PredictError
from affectkit.predict.prediction import Prediction


def most_typical(
    rows: Iterable[Prediction],
    label: str,
    *,
    count: int = 10,
    by: Literal["probability", "logit"] = "probability",
) -> list[Prediction]:
    """The ``count`` pictures that a class fits best, best first; rows with an error are passed over.

    The result is exact over any number of batches, holds only ``count`` rows at a time, and pictures of
    equal score stand in their order.

    Args:
        rows: From :meth:`PicturePredictor.predict`.
        label: The class, as the label space calls it.
        count: How many pictures; fewer where there are not as many.
        by: ``"probability"`` asks for this class and no other. ``"logit"`` asks how near a picture is to
            the class alone: for an adapter of CLIP, to its text.

    Raises:
        PredictError: If the model has no such class, or the count or order is none.

    Examples:
        >>> def row(position, joy):
        ...     chances = {"joy": joy, "fear": 1 - joy}
        ...     return Prediction(position, f"{position}.png", "", "joy", chances, (), {}, None)
        >>> rows = [row(0, 0.5), row(1, 0.9), row(2, 0.5)]
        >>> [found.path for found in most_typical(rows, "joy", count=2)]
        ['1.png', '0.png']
    """
    if count < 1 or by not in ("probability", "logit"):
        raise PredictError(
            f"The {count} most typical pictures by {by!r} were asked for: give at least 1, by "
            "'probability' or 'logit'."
        )

    def scored() -> Iterator[tuple[float, int, Prediction]]:
        for row in rows:
            if row.error is not None:
                continue
            if label not in row.probabilities:
                known = ", ".join(row.probabilities) or "none, only values"
                raise PredictError(f"The model has no class {label!r}: choose one of {known}.")
            score = row.probabilities[label]
            if by == "logit":
                score = row.logits[list(row.probabilities).index(label)]
            yield -score, row.position, row

    best = heapq.nsmallest(count, scored(), key=lambda entry: entry[:2])
    return [row for _, _, row in best]
