"""The error of measuring robustness."""

from __future__ import annotations


class RobustnessError(ValueError):
    """A run cannot be measured as asked; the message is one sentence with the remedy."""
