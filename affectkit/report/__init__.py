"""Pictures and a page of a run."""

from affectkit.report.build import build_report
from affectkit.report.run_record import RunFolderError, RunRecord, read_run

__all__ = ["RunFolderError", "RunRecord", "build_report", "read_run"]
