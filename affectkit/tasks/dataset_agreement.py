"""Whether the data sets that a task has heads for are those of its data."""

from __future__ import annotations

from collections.abc import Mapping

from affectkit.data.modules import SourceTargets
from affectkit.labels import LabelSpaceMismatchError
from affectkit.tasks.data_agreement import keeps_own_targets
from affectkit.tasks.dataset_spec import DatasetError, DatasetSpec


def check_datasets(specs: Mapping[str, DatasetSpec], data: object, *, task: str, fitting: bool) -> None:
    """Compare the data sets of a task with the sources of its data.

    Args:
        specs: The data sets by name.
        data: The data module.
        task: Name of the task, for the message.
        fitting: In training every head must have a source; a trained task may be evaluated on one of
            them.

    Raises:
        DatasetError: If the data have no targets for each source, a source has no head or a head no
            source, or a source lacks what its head learns.
        LabelSpaceMismatchError: If a source has its labels in another order; both are printed.
    """
    if not keeps_own_targets(data):
        raise DatasetError(
            f"{task} has a head for each of {', '.join(specs)}, but {type(data).__name__} gives all batches "
            "the same targets: use a MixedDataModule with own_targets set to true."
        )
    sources = data.source_targets()
    for name, found in sources.items():
        if name not in specs:
            raise DatasetError(
                f"{task} has no head for the source {name!r} of the data (it has {', '.join(specs)}): name "
                f"it in datasets, or leave it out of the data's sources."
            )
        _check(specs[name], found, task)
    missing = [name for name in specs if name not in sources]
    if missing and fitting:
        raise DatasetError(
            f"{task} has a head for {missing[0]!r}, but the data have no such source (they have "
            f"{', '.join(sources)}): add it to the data's sources, or leave it out of datasets."
        )


def _check(spec: DatasetSpec, found: SourceTargets, task: str) -> None:
    if spec.field == "dims" and not found.axes:
        raise DatasetError(
            f"{task} learns the values {', '.join(spec.axes)} of {spec.name!r}, but the shards of that "
            "source hold none: make them with values, or give the data set a label_space."
        )
    if spec.space is not None and found.label_space is None:
        raise DatasetError(
            f"{task} learns the labels {spec.space.name!r} of {spec.name!r}, but the shards of that source "
            "hold none: make them with labels, or give the data set axes."
        )
    if spec.field != found.field:
        raise DatasetError(
            f"{task} learns the {spec.field} of {spec.name!r}, but the data give its {found.field}: set "
            f"the data module's own_targets to {{{spec.name}: {spec.field}}}."
        )
    if spec.axes and spec.axes != found.axes:
        raise DatasetError(
            f"{task} and its data put the values of {spec.name!r} in different orders. Task: "
            f"{', '.join(spec.axes)}. Data: {', '.join(found.axes)}. Give axes as the data have them."
        )
    space = found.label_space
    if spec.space is not None and space is not None and not spec.space.same_order(space):
        raise LabelSpaceMismatchError(
            f"{task} and its data put the labels of {spec.name!r} in different orders. "
            f"Task, {spec.space.name!r}: {spec.space.order()}. Data, {space.name!r}: {space.order()}. "
            f"Set label_space of the source {spec.name!r} to {spec.space.name!r}: it maps stored labels by "
            "name."
        )
