"""Pictures and a page of a run."""

from affectkit.report.build import build_report
from affectkit.report.calibrate_error import CalibrateError
from affectkit.report.calibrate_run import RunCalibration, ScalingMethod, calibrate_run
from affectkit.report.calibration_record import CalibrationScores, calibration_scores
from affectkit.report.group_error import GroupError
from affectkit.report.group_section import run_group_scores
from affectkit.report.predicted_labels import PredictedLabels, read_predicted_labels
from affectkit.report.run_record import RunFolderError, RunRecord, read_run
from affectkit.report.stored_groups import stored_groups

__all__ = [
    "CalibrateError",
    "CalibrationScores",
    "GroupError",
    "PredictedLabels",
    "RunCalibration",
    "RunFolderError",
    "RunRecord",
    "ScalingMethod",
    "build_report",
    "calibrate_run",
    "calibration_scores",
    "read_predicted_labels",
    "read_run",
    "run_group_scores",
    "stored_groups",
]
