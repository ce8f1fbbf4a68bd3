"""What goes wrong when probabilities are calibrated."""

from __future__ import annotations


class CalibrationFitError(ValueError):
    """Validation rows do not determine the scaling."""


class ScalingFileError(ValueError):
    """The scaling beside a checkpoint is damaged, or was fitted for other weights."""


class DropoutError(ValueError):
    """A module has no dropout to draw from, or gives nothing whose spread could be measured."""
