"""The error of feature extraction."""

from __future__ import annotations


class ExtractError(ValueError):
    """Features cannot be extracted as asked; the message is one sentence with the remedy."""
