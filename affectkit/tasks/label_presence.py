"""Whether anything in the training data has what a task learns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from affectkit.data.loader.visual_sample import read_item
from affectkit.data.modules import ShardDataModule
from affectkit.data.schema import ShardError
from affectkit.data.store import SampleStore
from affectkit.tasks.data_agreement import DescribesData


def check_labelled(data: object, *, task: str) -> None:
    """Refuse to learn labels from data in which no sample has one.

    Args:
        data: The data module; one that does not describe itself is not asked.
        task: Name of the task, for the message.

    Raises:
        ValueError: If no sample of the train split has a label.
    """
    if not isinstance(data, DescribesData) or data.label_space is None:
        return
    if not int(data.class_counts("train").sum()):
        raise ValueError(
            f"{task} learns the labels of {data.label_space.name!r}, but no sample of the train split has "
            "one: annotate some, or add a source that has labels (MixedDataModule)."
        )


def check_annotated(data: object, names: Iterable[str], *, task: str) -> None:
    """Refuse to learn a further target that no sample of the data has.

    Reads records until every target has been seen, so it is through at once unless one is absent.

    Args:
        data: The data module, or a mixture of several; others are not asked.
        names: Names of the targets.
        task: Name of the task, for the message.

    Raises:
        ValueError: If one is absent in the whole train split.
    """
    sources: object = getattr(data, "sources", None)
    parts = list(sources.values()) if isinstance(sources, Mapping) else [data]
    missing = set(names)
    for part in parts:
        if not isinstance(part, ShardDataModule):
            return
        if missing & set(part.manifest.extra_spaces):
            missing -= _annotated(part.store("train"), missing)
    if missing:
        raise ValueError(
            f"{task} learns {min(missing)!r}, but no sample of the train split has a value of it: leave it "
            "out, or add a source that has it (MixedDataModule)."
        )


def _annotated(store: SampleStore, names: set[str]) -> set[str]:
    found: set[str] = set()
    for position in range(len(store)):
        if found == names:
            break
        try:
            extra = read_item(store.get(position)).get("extra", {})
        except ShardError:
            continue  # what is damaged is told when it is read
        found |= {name for name in names if extra.get(name) is not None}
    return found
