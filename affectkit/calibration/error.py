"""What goes wrong when probabilities are calibrated."""

from __future__ import annotations


class CalibrationFitError(ValueError):
    """Validation rows do not determine the scaling."""
