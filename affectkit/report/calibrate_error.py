"""What goes wrong when a run is calibrated."""

from __future__ import annotations


class CalibrateError(ValueError):
    """A run has no probabilities that could be calibrated."""
