"""Losses that change while training goes on."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class FollowsProgress(Protocol):
    """A loss that wants to know how far training is; a task tells it before every batch."""

    def set_progress(self, progress: float) -> None:
        """Take notice of the place in training, in [0, 1]."""
        ...
