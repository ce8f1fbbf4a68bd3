"""Whether data hold what a task over categories and dimensions learns."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from affectkit.graph import LabelGraph
from affectkit.labels import AffectScale, LabelSpace


@runtime_checkable
class DescribesTargets(Protocol):
    """A data module that says what its batches are compared with."""

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the labels."""
        ...

    @property
    def affect_scale(self) -> AffectScale | None:
        """Axes and range of the dimensions."""
        ...

    def class_counts(self, split: str) -> Tensor:
        """How often each label occurs in a split."""
        ...

    def annotated_dims(self, split: str) -> tuple[bool, ...]:
        """Whether each dimension has a value somewhere in a split."""
        ...


def check_targets(
    data: DescribesTargets,
    *,
    space: LabelSpace,
    scale: AffectScale,
    graph: LabelGraph | None,
    task: str,
    fitting: bool,
) -> None:
    """Compare labels, dimensions and graph of a task with those of its data.

    Args:
        data: The data module.
        space: The task's categories.
        scale: The task's dimensions.
        graph: The task's label graph, if it has one.
        task: Name of the task, for the message.
        fitting: In training every target must have a value somewhere; a trained task may be evaluated on
            data that have one of them alone.

    Raises:
        LabelGraphError: If the graph is over other labels or dimensions.
        ValueError: If the scales differ, or in training no sample has a label or a value of some
            dimension.
    """
    theirs, rated = data.label_space, data.affect_scale
    if graph is not None and theirs is not None:
        graph.require_nodes(theirs, scale if rated is None else rated)
    mine = (scale.axes, scale.low, scale.high)
    if rated is not None and (rated.axes, rated.low, rated.high) != mine:
        raise ValueError(
            f"{task} has the dimensions {range_of(scale)}, but its data {range_of(rated)}: set scale to that "
            f"of the data ({rated.name!r}), or make the shards on {scale.name!r}."
        )
    if not fitting:
        return
    if theirs is None or not int(data.class_counts("train").sum()):
        raise ValueError(
            f"{task} learns the categories of {space.name!r}, but no sample of the train split has a label: "
            "add a source with labels (MixedDataModule), or use a task for dimensions alone."
        )
    known = (False,) * len(scale) if rated is None else data.annotated_dims("train")
    absent = [axis for axis, there in zip(scale.axes, known, strict=True) if not there]
    if absent:
        raise ValueError(
            f"{task} learns {', '.join(scale.axes)}, but no sample of the train split has a value of "
            f"{absent[0]}: add a source that has it (MixedDataModule), or choose a scale without it."
        )


def range_of(scale: AffectScale) -> str:
    """Axes and range of a scale, for a message."""
    return f"{', '.join(scale.axes)} from {scale.low:g} to {scale.high:g}"
