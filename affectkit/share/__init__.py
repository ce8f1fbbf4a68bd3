"""Handing a trained model on: export, model card, and a folder for the hub."""

from affectkit.share.batch_call import BatchCall
from affectkit.share.error import ShareError
from affectkit.share.export_task import ExportReport, export_run, export_task, read_export_note
from affectkit.share.parity import Parity
from affectkit.share.tensor_spec import TensorSpec
from affectkit.share.trained_run import TrainedRun, build_task, load_run
from affectkit.share.unexportable import UNEXPORTABLE

__all__ = (
    "UNEXPORTABLE",
    "BatchCall",
    "ExportReport",
    "Parity",
    "ShareError",
    "TensorSpec",
    "TrainedRun",
    "build_task",
    "export_run",
    "export_task",
    "load_run",
    "read_export_note",
)
