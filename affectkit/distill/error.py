"""What can be wrong with a prototype grid."""

from __future__ import annotations


class PrototypeGridError(ValueError):
    """A prototype grid cannot be made or read, or does not fit what it is used for."""
