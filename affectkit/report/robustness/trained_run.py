"""From a run folder to its task and the data that it was made for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import torch
import yaml
from jsonargparse import ArgumentError, ArgumentParser
from lightning.pytorch import LightningDataModule
from torch import Tensor

from affectkit.report.robustness.error import RobustnessError
from affectkit.tasks import AffectTask
from affectkit.tasks.data_agreement import DescribesData, check_agreement
from affectkit.tasks.run_checkpoint import run_checkpoint

PartT = TypeVar("PartT")


class TrainedRun(NamedTuple):
    """A run that can be measured.

    Attributes:
        name: How it is called in tables and pictures.
        task: Its task, with the selected weights.
        data: Its data module, over the data set that was asked for.
        checkpoint: The file.
    """

    name: str
    task: AffectTask
    data: LightningDataModule
    checkpoint: Path


def open_run(
    folder: str | os.PathLike[str], *, root: str | None = None, name: str | None = None
) -> TrainedRun:
    """Build the task and the data module of a run from its folder.

    Both are those of ``config.yaml``, with the modalities, labels and sizes of the training, and with
    parts that were given by class paths. The classes that it names are imported, as the training did. The
    weights are those of the checkpoint: published ones that the training began with are neither read nor
    downloaded, but for a base that the checkpoint names and leaves out.

    Args:
        folder: Run folder, e.g. ``runs/NAME/latest``.
        root: Folder of the data set, in place of the one that the run was trained on.
        name: How to call it; None takes ``NAME``.

    Raises:
        RobustnessError: If there is no checkpoint or configuration, or the data cannot take ``root``.
        ValueError: If labels or features of the data are not those of the task.
    """
    place = Path(folder)
    if not place.is_dir():
        raise RobustnessError(f"There is no run folder {place}: give a folder such as runs/NAME/latest.")
    if not (place / "config.yaml").is_file() and (place / "latest" / "config.yaml").is_file():
        place = place / "latest"
    checkpoint, config = run_checkpoint(place), place / "config.yaml"
    if checkpoint is None or not config.is_file():
        missing = "a checkpoint" if checkpoint is None else "config.yaml"
        raise RobustnessError(
            f"The folder {place} has not {missing} of a run: give a folder in which `affectkit fit` finished "
            "an epoch, such as runs/NAME/latest."
        )
    stored = yaml.safe_load(config.read_text(encoding="utf-8"))
    task = _built(stored, "model", AffectTask, config=config)
    data = _built(stored, "data", LightningDataModule, config=config, root=root)
    weights: dict[str, object] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    # As Lightning does it: the task compares labels and completes what its checkpoint leaves out.
    task.on_load_checkpoint(weights)
    task.load_state_dict(cast("dict[str, Tensor]", weights["state_dict"]))
    if isinstance(data, DescribesData):
        check_agreement(
            data,
            labels=task.label_space,
            dims=task.input_dims,
            task=type(task).__name__,
            fitting=False,
        )
    return TrainedRun(name or place.resolve().parent.name, task, data, checkpoint)


def _built(stored: object, key: str, kind: type[PartT], *, config: Path, root: str | None = None) -> PartT:
    """What a configuration says under ``key``, with another ``root`` where one is given."""
    chosen = stored.get(key) if isinstance(stored, Mapping) else None
    if not isinstance(chosen, Mapping) or "class_path" not in chosen:
        raise RobustnessError(f"{config} names no {key}: give the folder of a run that `affectkit fit` made.")
    values = cast("dict[str, object]", _without_published(chosen.get("init_args") or {}))
    if root is not None:
        if "root" not in values:
            raise RobustnessError(
                f"The data module {chosen['class_path']} of {config} has no single folder of data: leave "
                "--data out, so that the run's own data are read."
            )
        values["root"] = root
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(kind, key, required=True)
    try:
        parsed = parser.parse_object({key: {"class_path": chosen["class_path"], "init_args": values}})
    except ArgumentError as error:
        reason = " ".join(str(error).split())
        raise RobustnessError(
            f"What {config} says under {key} cannot be built ({reason}): use the release and the classes "
            "that the run was trained with."
        ) from error
    module, _, name = str(parsed[key].class_path).rpartition(".")
    loaded: Mapping[str, object] = getattr(getattr(import_module(module), name), "WHEN_LOADED", {})
    for option in loaded.keys() & vars(parsed[key].init_args).keys():
        parsed[key].init_args[option] = loaded[option]
    built: object = parser.instantiate_classes(parsed)[key]
    assert isinstance(built, kind), "add_subclass_arguments() names the class"
    return built


def _without_published(value: object) -> object:
    """The same settings, with parts that are built without published weights or a file of weights."""
    if isinstance(value, list):
        return [_without_published(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    found = {name: _without_published(part) for name, part in value.items()}
    options = found.get("init_args") if "class_path" in found else None
    # A tag in the place of a yes or no is that of a base, which a checkpoint leaves out.
    if isinstance(options, dict) and isinstance(options.get("pretrained"), bool):
        options |= {"pretrained": False} | ({"weights": None} if "weights" in options else {})
    return found
