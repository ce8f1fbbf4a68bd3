"""What measures difficulties while it is trained."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class GradesSamples(Protocol):
    """A module in training that measures difficulties of the training samples before each epoch."""

    def grade_samples(self) -> None:
        """Measure them where the data module wants it, and hand them over by :meth:`grade`."""
        ...
