"""Probabilities that mean what they say: maps of the logits, fitted on validation, and several opinions."""

from affectkit.calibration.error import CalibrationFitError, DropoutError, ScalingFileError
from affectkit.calibration.fit_scaling import ScalingFit, fit_scaling
from affectkit.calibration.logit_scaling import LogitScaling
from affectkit.calibration.monte_carlo_dropout import DropoutPrediction, MonteCarloDropout
from affectkit.calibration.scaling_file import StoredScaling, load_scaling, save_scaling, scaling_path
from affectkit.calibration.temperature_scaling import TemperatureScaling
from affectkit.calibration.vector_scaling import VectorScaling

__all__ = (
    "CalibrationFitError",
    "DropoutError",
    "DropoutPrediction",
    "LogitScaling",
    "MonteCarloDropout",
    "ScalingFileError",
    "ScalingFit",
    "StoredScaling",
    "TemperatureScaling",
    "VectorScaling",
    "fit_scaling",
    "load_scaling",
    "save_scaling",
    "scaling_path",
)
