"""What can be wrong with a label graph."""

from __future__ import annotations


class LabelGraphError(ValueError):
    """A label graph cannot be made or read, or is of other labels than what it is used for."""
