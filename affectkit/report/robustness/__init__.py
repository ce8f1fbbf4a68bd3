"""How a finished run stands missing and conflicting modalities."""

from affectkit.report.robustness.alignment import AlignmentReport, alignment_report, label_alignment
from affectkit.report.robustness.conflict import ConflictCounts, ConflictReport
from affectkit.report.robustness.error import RobustnessError
from affectkit.report.robustness.measure import RobustnessRun, measure_run
from affectkit.report.robustness.missing_pattern import ANY, MissingPattern, missing_draws
from affectkit.report.robustness.paired_difference import PairedDifference, paired_difference
from affectkit.report.robustness.robustness_report import RobustnessReport, compare_runs
from affectkit.report.robustness.trained_run import TrainedRun, open_run

__all__ = (
    "ANY",
    "AlignmentReport",
    "ConflictCounts",
    "ConflictReport",
    "MissingPattern",
    "PairedDifference",
    "RobustnessError",
    "RobustnessReport",
    "RobustnessRun",
    "TrainedRun",
    "alignment_report",
    "compare_runs",
    "label_alignment",
    "measure_run",
    "missing_draws",
    "open_run",
    "paired_difference",
)
