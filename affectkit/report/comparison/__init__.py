"""Several runs of several systems in one table, with intervals and paired tests."""

from affectkit.report.comparison.compare import Comparison, PairedComparison, compare_runs
from affectkit.report.comparison.error import ComparisonError
from affectkit.report.comparison.run_score import RunScore, read_run_score

__all__ = [
    "Comparison",
    "ComparisonError",
    "PairedComparison",
    "RunScore",
    "compare_runs",
    "read_run_score",
]
