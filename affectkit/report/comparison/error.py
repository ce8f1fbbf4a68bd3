"""What goes wrong when runs are compared."""

from __future__ import annotations


class ComparisonError(ValueError):
    """Runs have no such score, or cannot be told apart."""
