"""Handing a trained model on: export, model card, and a folder for the hub."""

from affectkit.share.batch_call import BatchCall
from affectkit.share.card_facts import CardFacts, DataFacts, facts_of_run, facts_of_task
from affectkit.share.error import ShareError
from affectkit.share.export_task import ExportReport, export_run, export_task, read_export_note
from affectkit.share.hub_bridge import with_hub
from affectkit.share.model_card import card_of_run, card_of_task, render_card
from affectkit.share.parity import Parity
from affectkit.share.pretrained import load_pretrained, save_pretrained
from affectkit.share.tensor_spec import TensorSpec
from affectkit.share.trained_run import TrainedRun, build_task, load_run
from affectkit.share.unexportable import UNEXPORTABLE
from affectkit.tasks.saved_on_hub import download_pretrained

__all__ = (
    "UNEXPORTABLE",
    "BatchCall",
    "CardFacts",
    "DataFacts",
    "ExportReport",
    "Parity",
    "ShareError",
    "TensorSpec",
    "TrainedRun",
    "build_task",
    "card_of_run",
    "card_of_task",
    "download_pretrained",
    "export_run",
    "export_task",
    "facts_of_run",
    "facts_of_task",
    "load_pretrained",
    "load_run",
    "read_export_note",
    "render_card",
    "save_pretrained",
    "with_hub",
)
