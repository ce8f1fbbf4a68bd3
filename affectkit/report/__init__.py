"""Pictures and a page of a run."""

from affectkit.report.build import build_report
from affectkit.report.calibrate_error import CalibrateError
from affectkit.report.calibrate_run import RunCalibration, ScalingMethod, calibrate_run
from affectkit.report.calibration_record import CalibrationScores, calibration_scores
from affectkit.report.run_record import RunFolderError, RunRecord, read_run

__all__ = [
    "CalibrateError",
    "CalibrationScores",
    "RunCalibration",
    "RunFolderError",
    "RunRecord",
    "ScalingMethod",
    "build_report",
    "calibrate_run",
    "calibration_scores",
    "read_run",
]
