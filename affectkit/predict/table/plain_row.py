"""One row of a prediction as plain values."""

from __future__ import annotations

from typing import Any

from affectkit.predict.prediction import Prediction


def plain_row(row: Prediction, identity: str) -> dict[str, object]:
    """One line of JSON Lines; probabilities, values and uncertainty to six digits, times to three.

    Args:
        row: What was predicted.
        identity: Names the weights.
    """
    return {
        "path": row.path,
        "part": row.part,
        "start": _rounded(row.start, 3),
        "stop": _rounded(row.stop, 3),
        "text": row.text,
        "label": row.label,
        "labels": None if row.labels is None else list(row.labels),
        "probabilities": {name: round(value, 6) for name, value in row.probabilities.items()},
        "values": {name: round(value, 6) for name, value in row.dims.items()},
        "top": _rounded(row.top, 6),
        "entropy": _rounded(row.entropy, 6),
        "scaling": row.scaling,
        "region": row.region,
        "model": identity,
        "data": row.data,
        "error": row.error,
    }


def read_plain_row(position: int, plain: dict[str, Any]) -> Prediction:
    """The row that :func:`plain_row` gave, without logits.

    Args:
        position: Number of the row.
        plain: The plain values.
    """
    return Prediction(
        position,
        plain["path"],
        plain["region"],
        plain["label"],
        plain["probabilities"],
        (),
        plain["values"],
        plain["error"],
        plain["part"],
        plain["start"],
        plain["stop"],
        plain["text"],
        plain["data"],
        None if plain["labels"] is None else tuple(plain["labels"]),
        plain["scaling"],
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
