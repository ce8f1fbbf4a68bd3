"""The error of predictions on pictures."""

from __future__ import annotations


class PredictError(ValueError):
    """Pictures cannot be predicted as asked; the message is one sentence with the remedy."""
