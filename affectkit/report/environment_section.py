"""The part of a report that says where it was made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Final

import torch

from affectkit import __version__
from affectkit.report.page import Section, Table
from affectkit.report.run_record import RunRecord

_PACKAGES: Final = ("torch", "lightning", "torchmetrics", "numpy", "matplotlib")


def environment_section(run: RunRecord) -> Section:
    """Versions and hardware of the report, and what the run says about its own."""
    gpus = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    rows = [
        ["affectkit", __version__],
        *([name, importlib.metadata.version(name)] for name in _PACKAGES),
        ["Python", platform.python_version()],
        ["system", f"{platform.system()} {platform.machine()}"],
        ["processors", str(os.cpu_count())],
        ["GPU", ", ".join(gpus) or "none"],
        ["processes of the training", str(run.setting("trainer", "devices") or "auto")],
        ["precision of the training", str(run.setting("trainer", "precision") or "32-true")],
        ["seed of the training", str(run.setting("seed_everything"))],
    ]
    return Section(
        "Environment",
        text="The machine that made this page; the last three rows are of the training.",
        tables=[Table("Environment", ["what", "value"], rows, words=True)],
    )
