"""The error of a tower that cannot do what was asked of it."""

from __future__ import annotations


class UnsupportedTowerError(ValueError):
    """A tower of this family has no way to do what was asked; the message names family and remedy."""
