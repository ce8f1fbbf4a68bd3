"""From a run folder to its task and the data that it was made for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningDataModule

from affectkit.report.robustness.error import RobustnessError
from affectkit.tasks import AffectTask, CheckpointRecord
from affectkit.tasks.data_agreement import DescribesData, check_agreement
from affectkit.tasks.run_checkpoint import run_checkpoint, shipped_task


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
    folder: str | os.PathLike[str],
    *,
    root: str | None = None,
    name: str | None = None,
    task: type[AffectTask] | None = None,
) -> TrainedRun:
    """Build the task and the data module of a run from its folder.

    The data module is that of ``config.yaml``, with its modalities, labels and sizes. Classes that the
    configuration names are imported, as the training did.

    Args:
        folder: Run folder, e.g. ``runs/NAME/latest``.
        root: Folder of the data set, in place of the one that the run was trained on.
        name: How to call it; None takes ``NAME``.
        task: Class of the task, where it is one of your own.

    Raises:
        RobustnessError: If there is no checkpoint or configuration, or the data cannot take ``root``.
        ValueError: If labels or features of the data are not those of the task.
    """
    place = Path(folder)
    if not place.is_dir():
        raise RobustnessError(f"There is no run folder {place}: give a folder such as runs/NAME/latest.")
    if not (place / "config.yaml").is_file() and (place / "latest" / "config.yaml").is_file():
        place = place / "latest"
    checkpoint = run_checkpoint(place)
    if checkpoint is None or not (place / "config.yaml").is_file():
        missing = "a checkpoint" if checkpoint is None else "config.yaml"
        raise RobustnessError(
            f"The folder {place} has not {missing} of a run: give a folder in which `affectkit fit` finished "
            "an epoch, such as runs/NAME/latest."
        )
    record = CheckpointRecord.peek(checkpoint)
    kind = task or (None if record is None else shipped_task(record.task))
    if kind is None:
        raise RobustnessError(
            f"The checkpoint {checkpoint} was not made by a task of affectkit: give the class of yours, "
            "`open_run(folder, task=...)`."
        )
    loaded = kind.load_from_checkpoint(checkpoint, map_location="cpu")
    data = _data(place / "config.yaml", root)
    if isinstance(data, DescribesData):
        check_agreement(
            data,
            labels=loaded.label_space,
            dims=loaded.input_dims,
            task=type(loaded).__name__,
            fitting=False,
        )
    return TrainedRun(name or place.resolve().parent.name, loaded, data, checkpoint)


def _data(config: Path, root: str | None) -> LightningDataModule:
    stored = yaml.safe_load(config.read_text(encoding="utf-8"))
    chosen = stored.get("data") if isinstance(stored, Mapping) else None
    if not isinstance(chosen, Mapping) or "class_path" not in chosen:
        raise RobustnessError(f"{config} names no data module: give a run that `affectkit fit` made.")
    values = dict(cast("Mapping[str, object]", chosen.get("init_args") or {}))
    if root is not None:
        if "root" not in values:
            raise RobustnessError(
                f"The data module {chosen['class_path']} of {config} has no single folder of data: leave "
                "--data out, so that the run's own data are read."
            )
        values["root"] = root
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LightningDataModule, "data", required=True)
    parsed = parser.parse_object({"data": {"class_path": chosen["class_path"], "init_args": values}})
    built: object = parser.instantiate_classes(parsed).data
    assert isinstance(built, LightningDataModule), "add_subclass_arguments() names the class"
    return built
