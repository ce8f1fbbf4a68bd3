"""From a run folder to its task, its configuration and what its checkpoint says."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningModule

from affectkit.share.error import ShareError, first_line
from affectkit.share.stated_data import stated_data
from affectkit.tasks import AffectTask, CheckpointRecord
from affectkit.tasks.run_checkpoint import run_checkpoint, shipped_task


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A trained task with where it comes from.

    Args:
        task: The task, with its weights, in evaluation.
        record: What its checkpoint says.
        checkpoint: The file.
        digest: SHA-256 of that file.
        config: The configuration of the training; empty where none lies beside the checkpoint.
    """

    task: AffectTask
    record: CheckpointRecord
    checkpoint: Path
    digest: str
    config: Mapping[str, object]

    @property
    def data(self) -> Mapping[str, object]:
        """The data module: ``class_path`` and ``init_args``, as configured, else as the checkpoint states it.

        Raises:
            ShareError: If neither names one.
        """
        found = self.config.get("data")
        if isinstance(found, Mapping) and "class_path" in found:
            return found
        stated = stated_data(self.record)
        if stated is None:
            raise ShareError(
                f"No configuration with a data module lies beside {self.checkpoint}, and the checkpoint does "
                "not say itself how its data were read: name a run folder that `affectkit fit` made, or a "
                "folder that `affectkit card --save` wrote of one."
            )
        return stated


def load_run(run: str | os.PathLike[str]) -> TrainedRun:
    """Load the best checkpoint of a run, else its last, with the parts that its configuration names.

    Classes that ``config.yaml`` names are imported, as by `affectkit test`: load runs that you trust.

    Args:
        run: Run folder, ``runs/NAME`` for the latest one in it, or a checkpoint.

    Raises:
        ShareError: If there is no checkpoint, or its task cannot be built.
    """
    path = run_checkpoint(run)
    if path is None:
        raise ShareError(
            f"There is no checkpoint in {os.fspath(run)!r}: name a run folder in which a training finished "
            "an epoch, e.g. runs/NAME/latest, or a checkpoint file."
        )
    try:
        stored: dict[str, object] = torch.load(path, map_location="cpu", weights_only=True)
        record = CheckpointRecord.of(stored)
    except Exception as error:  # torch's reader raises whatever its parts raise
        raise ShareError(
            f"The file {path} cannot be read as a checkpoint ({first_line(error)}): name one that "
            "a task of affectkit wrote."
        ) from error
    if record is None:
        raise ShareError(f"The checkpoint {path} is not one of affectkit: name one that its tasks wrote.")
    config = read_config(path)
    if record.injected:
        task = _from_config(config, record, stored, path)
    else:
        kind = task_class(record.task, path=path)
        task = kind.load_from_checkpoint(path, map_location="cpu")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return TrainedRun(task.eval(), record, path, digest, config)


def read_config(checkpoint: Path) -> Mapping[str, object]:
    """The configuration of the training that wrote ``checkpoint``; empty where there is none."""
    for folder in checkpoint.absolute().parents[:2]:
        if (folder / "config.yaml").is_file():
            found: object = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
    return {}


def task_class(name: str, *, path: Path) -> type[AffectTask]:
    """The class of a task by the name that a checkpoint holds, also one of a project of one's own.

    Raises:
        ShareError: If it cannot be imported, or is no task.
    """
    shipped = shipped_task(name)
    if shipped is not None:
        return shipped
    module, _, bare = name.rpartition(".")
    try:
        found: object = getattr(import_module(module), bare, None) if module else None
    except ModuleNotFoundError as error:
        raise ShareError(
            f"{path} was made by {name}, which cannot be imported here ({error}): install the project that "
            "has it, e.g. `pip install -e .` in its folder."
        ) from error
    if not isinstance(found, type) or not issubclass(found, AffectTask):
        raise ShareError(f"{path} was made by {name or 'no named task'}, which is no task: name another run.")
    return found


def build_task(model: Mapping[str, object]) -> AffectTask:
    """Build a task as a configuration names it: ``class_path`` and ``init_args``, parts by class path too.

    Raises:
        ShareError: If the configuration is not that of a task of affectkit.
    """
    named = deepcopy(dict(model))  # the parser writes into what it is given
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LightningModule, "model")
    try:
        with warnings.catch_warnings():
            # The name that replaces this one is missing in older releases, which Lightning still calls.
            warnings.simplefilter("ignore", DeprecationWarning)
            built: object = parser.instantiate_classes(parser.parse_object({"model": named})).model
    except Exception as error:  # the parser and every part of a model raise as they like
        reason = str(error).strip().rpartition("\n")[2].strip(" -").rstrip(".")
        raise ShareError(
            f"The task {model.get('class_path')} cannot be built from its configuration ({reason}): install "
            "what it names, and keep the files that it reads where they were."
        ) from error
    if not isinstance(built, AffectTask):
        raise ShareError(f"{model.get('class_path')} is no task of affectkit: name another run.")
    return built


def _from_config(
    config: Mapping[str, object], record: CheckpointRecord, stored: dict[str, object], path: Path
) -> AffectTask:
    model = config.get("model")
    if not isinstance(model, Mapping):
        raise ShareError(
            f"The task of {path} was given ready parts ({', '.join(record.injected)}), and no config.yaml "
            "beside it says which: name a run folder that `affectkit fit` made."
        )
    values = dict(cast("Mapping[str, object]", model.get("init_args") or {}))
    # All weights are in the checkpoint: none is read, or downloaded, to be overwritten.
    values |= {
        name: value
        for name, value in {"backbone_pretrained": False, "backbone_weights": None}.items()
        if name in values
    }
    task = build_task({**model, "init_args": values})
    task.on_load_checkpoint(stored)
    task.load_state_dict(cast("dict[str, torch.Tensor]", stored["state_dict"]))
    return task
