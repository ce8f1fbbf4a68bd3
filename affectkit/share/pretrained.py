"""A task as a folder for others: weights, configuration and model card, none of which is code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from torch import Tensor

import affectkit
from affectkit.atomic_file import write_atomically
from affectkit.calibration import load_scaling, save_scaling, scaling_path
from affectkit.share.error import ShareError, first_line
from affectkit.share.ethics_page import write_ethics
from affectkit.share.model_card import card_of_task
from affectkit.share.refuse_sensitive import refuse_sensitive
from affectkit.share.trained_run import TrainedRun, build_task
from affectkit.tasks import AffectTask, CheckpointRecord
from affectkit.tasks.checkpoint_record import KEY
from affectkit.tasks.plain_values import plain
from affectkit.tasks.run_checkpoint import shipped_task
from affectkit.tasks.saved_folder import (
    CARD,
    CONFIG,
    WEIGHTS,
    SavedFolderError,
    read_saved_config,
    read_saved_weights,
    saved_checkpoint,
)
from affectkit.tensor_file import write_tensor_file


def save_pretrained(
    task: AffectTask,
    folder: str | os.PathLike[str],
    *,
    card: str | None = None,
    run: TrainedRun | None = None,
) -> Path:
    """Write ``model.safetensors``, ``config.json``, ``README.md`` and ``ethics.md``, each whole or absent.

    Of a model on a frozen base, the weights are those that were trained, as in a checkpoint. A scaling that
    ``affectkit calibrate`` fitted for the run comes along, as ``model.scaling.safetensors``.

    Args:
        task: The task.
        folder: Where; made if it is missing.
        card: The model card; None writes what is known of the task alone, where there is none yet.
        run: The run that the task comes from; adds how its data were read, for predictions on files, its
            scaling of the logits, and, where the task was given ready parts, which ones.

    Returns:
        The folder.

    Raises:
        ShareError: If a value of the task is none that JSON holds, or it predicts a sensitive attribute of
            people.
        ScalingFileError: If the scaling of the run is damaged, or was fitted for other weights.
    """
    refuse_sensitive(task, what="save for others")
    checkpoint: dict[str, object] = {
        "state_dict": task.state_dict(),
        "hyper_parameters": dict(task.hparams),
    }
    task.on_save_checkpoint(checkpoint)
    record = cast("dict[str, object]", checkpoint[KEY])
    config: dict[str, object] = {
        "library_name": "affectkit",
        "affectkit_version": affectkit.__version__,
        "hyper_parameters": checkpoint["hyper_parameters"],
        KEY: record,
    }
    if run is not None:
        if run.record.pictures is not None:
            record["pictures"] = run.record.pictures.to_plain()
        if run.record.reading is not None:
            record["reading"] = run.record.reading.to_plain()
        # The class may have gone by another name when it was trained.
        record["task"] = run.record.task
        if run.record.injected and isinstance(run.config.get("model"), Mapping):
            config["model"] = run.config["model"]
    try:
        text = json.dumps(plain(config), indent=2, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ShareError(
            f"A value of {type(task).__name__} cannot stand in {CONFIG} ({first_line(error)}): build the "
            "task from plain values."
        ) from error
    scaling = None if run is None else load_scaling(run.checkpoint)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    weights = cast("dict[str, Tensor]", checkpoint["state_dict"])
    write_tensor_file(place / WEIGHTS, weights, {"library": "affectkit"})
    write_atomically(place / CONFIG, (text + "\n").encode("utf-8"))
    if scaling is None:  # an earlier one was fitted for other weights
        scaling_path(place / WEIGHTS).unlink(missing_ok=True)
    else:
        save_scaling(place / WEIGHTS, scaling.scaling, labels=scaling.labels, rows=scaling.rows)
    if card is not None or not (place / CARD).is_file():
        write_atomically(place / CARD, (card or card_of_task(task, scaling=scaling)).encode("utf-8"))
    write_ethics(place)
    return place


def load_pretrained(
    folder: str | os.PathLike[str], *, task: type[AffectTask] | None = None, **changes: object
) -> AffectTask:
    """Build a task from a folder that :func:`save_pretrained` wrote; nothing in it is executed.

    Args:
        folder: The folder.
        task: Class of the task, where it is one of your own: the folder names it, but never has it imported.
        changes: Constructor arguments: ready parts, or values to change, e.g. ``base_weights``.

    Returns:
        The task, in evaluation.

    Raises:
        ShareError: If the folder is not whole, or names a class that is not part of affectkit.
        MissingPartError: If the task was given a part that is missing in ``changes``.
    """
    place = Path(folder)
    try:
        config = read_saved_config(place)
        record = CheckpointRecord.of(config)
        if record is None:
            raise ShareError(
                f"{place / CONFIG} is none of affectkit: name a folder that save_pretrained wrote."
            )
        # Read before anything is built: what is not whole is refused first.
        weights = read_saved_weights(place)
    except SavedFolderError as error:
        raise ShareError(str(error)) from error
    kind = task or shipped_task(record.task)
    if kind is None:
        name = record.task.rpartition(".")[2]
        raise ShareError(
            f"{place} was saved by {record.task}, which is not a task of affectkit: import its class and "
            f"give it, load_pretrained(folder, task={name})."
        )
    model = config.get("model")
    if record.injected and not changes and isinstance(model, Mapping):
        return _with_parts(model, config, weights, place)
    record.check_parts(changes, task=kind.__name__)
    loaded = kind.load_from_checkpoint(
        saved_checkpoint(place),
        map_location="cpu",
        hparams_file=None,
        strict=None,
        weights_only=True,
        **changes,
    )
    return loaded.eval()


def _with_parts(
    model: Mapping[str, object], config: Mapping[str, object], weights: Mapping[str, Tensor], place: Path
) -> AffectTask:
    foreign = sorted(_class_paths(model) - {path for path in _class_paths(model) if _is_ours(path)})
    if foreign:
        raise ShareError(
            f"{place / CONFIG} names {foreign[0]}, which is not part of affectkit, and nothing else is "
            "imported because a folder says so: build the part and give it, "
            "load_pretrained(folder, NAME=part)."
        )
    built = build_task(model)
    stored: dict[str, object] = {"state_dict": dict(weights), KEY: config[KEY]}
    built.on_load_checkpoint(stored)
    built.load_state_dict(cast("dict[str, Tensor]", stored["state_dict"]))
    return built.eval()


def _is_ours(path: str) -> bool:
    return path.startswith("affectkit.")


def _class_paths(value: object) -> set[str]:
    """Every class that a configuration names."""
    if isinstance(value, Mapping):
        own = {str(value["class_path"])} if "class_path" in value else set()
        return own.union(*(_class_paths(item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_class_paths(item) for item in value))
    return set()
