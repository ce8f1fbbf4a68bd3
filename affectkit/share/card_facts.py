"""What is known of a model and belongs on its card; what is not known stays None and is said."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affectkit.calibration import StoredScaling, load_scaling
from affectkit.data.shards import ShardError, read_manifest
from affectkit.labels import LabelSpace
from affectkit.report import RunFolderError, read_run
from affectkit.share.error import ShareError
from affectkit.tasks import AffectTask, CheckpointRecord
from affectkit.tasks.run_checkpoint import run_checkpoint


@dataclass(frozen=True, slots=True)
class DataFacts:
    """A data set, as its manifest states it.

    Args:
        name: Its name, or that of its folder where the manifest cannot be read any more.
        licence: Name of the licence, or None.
        klass: Class of the licence, or None.
        terms: One sentence on what the terms ask.
        samples: Samples of each split.
        synthetic: Whether it is made up; None where nobody says.
    """

    name: str
    licence: str | None = None
    klass: str | None = None
    terms: str = ""
    samples: Mapping[str, int] = field(default_factory=dict)
    synthetic: bool | None = None


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a model card is written from.

    Args:
        name: Name of the model.
        task: Class of the task.
        label_space: Order of the labels, or None.
        outputs: Names of everything that is predicted beside the labels.
        facts: What the task says of itself.
        metrics: Test metrics by name; None where a metric had no rows.
        protocols: What each metric counts, by name.
        data: Data sets of the training; None where nothing names them.
        module: Class of the data module, or "".
        commands: Commands of the run, oldest first, without places on the disk.
        digest: First digits of the checkpoint's SHA-256, or None.
        version: Version of affectkit that trained it, or None.
        scaling: The scaling of its logits that was fitted on validation, or None.
    """

    name: str
    task: str
    label_space: LabelSpace | None
    outputs: Sequence[str] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    data: Sequence[DataFacts] | None = None
    module: str = ""
    commands: Sequence[str] = ()
    digest: str | None = None
    version: str | None = None
    scaling: StoredScaling | None = None


def facts_of_task(task: AffectTask, *, scaling: StoredScaling | None = None) -> CardFacts:
    """What a task knows of itself, with the scaling that was fitted for it, if one was."""
    return CardFacts(
        name=type(task).__name__,
        task=type(task).__name__,
        label_space=task.label_space,
        outputs=_axes(getattr(task, "axes", None) or task.hparams.get("axes")),
        facts=task.report_facts(),
        scaling=scaling,
    )


def facts_of_run(folder: str | Path) -> CardFacts:
    """What a run folder says, with the manifests of its data where they still lie where they lay.

    Raises:
        ShareError: If it is no run folder, or no training in it finished an epoch.
        ScalingFileError: If the scaling of its checkpoint is damaged, or was fitted for other weights.
    """
    place = Path(folder)
    if not (place / "config.yaml").is_file() and (place / "latest").is_dir():
        place = place / "latest"
    try:
        run = read_run(place)
    except RunFolderError as error:
        raise ShareError(str(error)) from error
    checkpoint = run_checkpoint(place)
    record = None if checkpoint is None else CheckpointRecord.peek(checkpoint)
    if checkpoint is None or record is None:
        raise ShareError(
            f"The run {folder} holds no checkpoint of affectkit, so there is no model to describe: train it "
            "for an epoch first."
        )
    values = run.setting("model", "init_args")
    path = str(run.setting("model", "class_path") or record.task)
    data = run.setting("data")
    return CardFacts(
        name=place.resolve().parent.name,
        task=path.rpartition(".")[2],
        label_space=record.label_space,
        outputs=_axes(values.get("axes") if isinstance(values, Mapping) else None),
        facts={name: value for name, value in run.facts.items() if isinstance(value, (str, int, float))},
        metrics=run.metrics,
        protocols=run.protocols,
        data=_data_sets(data) if isinstance(data, Mapping) else None,
        module=str(run.setting("data", "class_path") or "").rpartition(".")[2],
        commands=[_without_places(command) for command in run.commands],
        digest=_digest(checkpoint),
        version=record.version,
        scaling=load_scaling(checkpoint),
    )


def _data_sets(data: Mapping[str, object]) -> list[DataFacts]:
    values = data.get("init_args")
    if not isinstance(values, Mapping):
        return []
    sources = values.get("sources")
    if isinstance(sources, Mapping):
        nested = (source for source in sources.values() if isinstance(source, Mapping))
        return [found for source in nested for found in _data_sets(source)]
    root = values.get("root")
    return [] if root is None else [_data_set(str(root))]


def _data_set(root: str) -> DataFacts:
    try:
        manifest = read_manifest(root)
    except (ShardError, OSError):
        return DataFacts(root.rstrip("/").rpartition("/")[2])
    return DataFacts(
        manifest.name,
        manifest.licence.name,
        manifest.licence.klass,
        manifest.licence.terms,
        {split: sum(shard.samples for shard in manifest.split_shards(split)) for split in manifest.splits},
        manifest.synthetic,
    )


def _axes(stored: object) -> tuple[str, ...]:
    return tuple(str(axis) for axis in stored) if isinstance(stored, (list, tuple)) else ()


def _without_places(command: str) -> str:
    """A command as others may read it: of a place on the disk only the last name."""
    words = command.split(" ")
    return " ".join(
        f".../{word.rstrip('/').rpartition('/')[2]}" if word.startswith("/") else word for word in words
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
