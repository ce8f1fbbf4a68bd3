"""What a run folder says about its run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import yaml
from numpy.typing import NDArray

from affectkit.callbacks import (
    LogRow,
    ResultsWriter,
    read_curriculum,
    read_graded,
    read_log,
    read_shown,
)
from affectkit.report.calibration_record import read_calibration
from affectkit.report.modality_section import HeardTurn, read_heard_turns
from affectkit.report.predicted_chances import PredictedChances, read_predicted_chances
from affectkit.report.predicted_labels import PredictedLabels, read_predicted_labels
from affectkit.report.predicted_values import PredictedValues, read_predicted_values
from affectkit.report.robustness_section import RobustnessRecord, read_robustness


class RunFolderError(ValueError):
    """A folder is not that of a run, or one of its files cannot be read."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as read from its folder; what has not happened yet is empty.

    Args:
        folder: The run folder.
        log: Rows of the log as an uninterrupted run would have written them.
        metrics: Test metrics by key, e.g. ``"test/weighted_f1"``; None where a metric had no rows.
        protocols: What each test metric counts, in full, by key.
        facts: What the task put beside its metrics.
        labels: Label order of the confusion counts.
        confusion: (C, C) counts, rows true, or None before a test.
        difficulty: Difficulty of each sample that a curriculum opened, by key.
        graded: The same of every sample in each epoch, where the model measured it anew.
        shown: Keys in the order in which each epoch showed them.
        config: The configuration of the training, as nested plain values.
        commands: Commands run in this folder, oldest first.
        predicted: Values that the test predicted, or None where it predicted none.
        chances: Probabilities that the test predicted, or None where it predicted none.
        heard: Rows of the test with the share of each modality; empty where no fusion gave any.
        calibration: What `affectkit calibrate` found, or None where it has not been run.
        robustness: What `affectkit robustness` found, or None where it has not been run.
        judged: Labels that the test predicted, or None where it predicted none.
    """

    folder: Path
    log: Sequence[LogRow] = ()
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    labels: Sequence[str] = ()
    confusion: NDArray[np.int64] | None = None
    difficulty: Mapping[str, float] = field(default_factory=dict)
    graded: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    shown: Mapping[int, Sequence[str]] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    commands: Sequence[str] = ()
    predicted: PredictedValues | None = None
    chances: PredictedChances | None = None
    heard: Sequence[HeardTurn] = ()
    calibration: Mapping[str, object] | None = None
    robustness: RobustnessRecord | None = None
    judged: PredictedLabels | None = None

    def series(self, key: str) -> list[tuple[float, float]]:
        """Return (epoch, value) pairs of a logged key."""
        return [(float(row.epoch), row.value) for row in self.log if row.key == key and row.epoch is not None]

    def setting(self, *path: str) -> object:
        """Look up a value of the configuration; None where it is absent."""
        value: object = self.config
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value


def read_run(folder: str | Path) -> RunRecord:
    """Read a run folder.

    Raises:
        RunFolderError: If there is no such folder, it is not that of a run, or a file is damaged.
    """
    folder = Path(folder)
    config_file = folder / "config.yaml"
    if not config_file.is_file():
        raise RunFolderError(
            f"{folder} is not the folder of a run, since it has no config.yaml: "
            "give a folder such as runs/NAME/latest, made by `affectkit fit`."
        )
    try:
        config = yaml.safe_load(config_file.read_text(encoding="utf-8"))
        results = _read_json(folder / ResultsWriter.METRICS)
        confusion = _read_json(folder / ResultsWriter.CONFUSION)
        log = read_log(folder) if (folder / "metrics.csv").is_file() else []
        predicted = read_predicted_values(folder / ResultsWriter.PREDICTIONS)
        chances = read_predicted_chances(folder / ResultsWriter.PREDICTIONS)
        heard = read_heard_turns(folder / ResultsWriter.PREDICTIONS)
        calibration = read_calibration(folder)
        robustness = read_robustness(folder)
        labels = cast(list[str], confusion.get("labels", []))
        judged = read_predicted_labels(folder / ResultsWriter.PREDICTIONS, labels)
    except (ValueError, yaml.YAMLError) as error:
        raise RunFolderError(
            f"A file of the run {folder} cannot be read ({error}): test the run again."
        ) from error
    commands = folder / "commands.txt"
    return RunRecord(
        folder=folder,
        log=log,
        metrics=cast(dict[str, float | None], results.pop("metrics", {})),
        protocols=cast(dict[str, str], results.pop("protocols", {})),
        facts=results,
        labels=labels,
        confusion=np.asarray(confusion["counts"], dtype=np.int64) if confusion else None,
        difficulty={key: hard for order in read_curriculum(folder).values() for key, hard in order},
        graded=read_graded(folder),
        shown=read_shown(folder),
        config=config if isinstance(config, dict) else {},
        commands=commands.read_text(encoding="utf-8").splitlines() if commands.is_file() else [],
        predicted=predicted,
        chances=chances,
        heard=heard,
        calibration=calibration,
        robustness=robustness,
        judged=judged,
    )


def _read_json(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} holds no object")
    return value
