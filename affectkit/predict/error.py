"""The error of predictions."""

from __future__ import annotations


class PredictError(ValueError):
    """A prediction cannot be made as asked; the message is one sentence with the remedy."""
