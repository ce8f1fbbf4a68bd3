"""Probabilities that mean what they say: maps of the logits, fitted on validation."""

from affectkit.calibration.error import CalibrationFitError
from affectkit.calibration.fit_scaling import ScalingFit, fit_scaling
from affectkit.calibration.logit_scaling import LogitScaling
from affectkit.calibration.temperature_scaling import TemperatureScaling
from affectkit.calibration.vector_scaling import VectorScaling

__all__ = (
    "CalibrationFitError",
    "LogitScaling",
    "ScalingFit",
    "TemperatureScaling",
    "VectorScaling",
    "fit_scaling",
)
