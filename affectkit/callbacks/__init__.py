"""What happens around a training: checkpoints, logs, records and results."""

from affectkit.callbacks.appending_csv_logger import AppendingCSVLogger
from affectkit.callbacks.curriculum_recorder import (
    CurriculumRecorder,
    OrdersByCurriculum,
    read_curriculum,
    read_graded,
    read_shown,
)
from affectkit.callbacks.prediction import AffectPrediction
from affectkit.callbacks.read_log import LogRow, read_log
from affectkit.callbacks.results_writer import ReportsFacts, ResultsWriter
from affectkit.callbacks.resumable_checkpoint import ResumableCheckpoint

__all__ = (
    "AffectPrediction",
    "AppendingCSVLogger",
    "CurriculumRecorder",
    "LogRow",
    "OrdersByCurriculum",
    "ReportsFacts",
    "ResultsWriter",
    "ResumableCheckpoint",
    "read_curriculum",
    "read_graded",
    "read_log",
    "read_shown",
)
