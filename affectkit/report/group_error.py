"""What goes wrong when a run is reported by groups."""

from __future__ import annotations


class GroupError(ValueError):
    """Nothing says to which group a row belongs."""
