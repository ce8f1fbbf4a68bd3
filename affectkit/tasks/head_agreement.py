"""Whether a head that was made for certain labels and values speaks of those of its task and data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import nn

from affectkit.heads import MultiHead
from affectkit.labels import AffectScale, LabelSpace, LabelSpaceMismatchError
from affectkit.tasks.target_agreement import range_of


@runtime_checkable
class StatesOutputs(Protocol):
    """A head that knows what its outputs mean, as one whose weights come from a label graph."""

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of its logits."""
        ...

    @property
    def affect_scale(self) -> AffectScale | None:
        """Axes of its dimensions, and their range."""
        ...


def check_head(
    head: object,
    *,
    labels: LabelSpace | None = None,
    axes: Sequence[str] | None = None,
    scale: AffectScale | None = None,
    owner: str,
) -> None:
    """Compare what a head says of its outputs with the labels, axes and range of a task or its data.

    A head that says nothing fits everything, and what is None is not compared.

    Args:
        head: The head, or several of which the main one is looked at.
        labels: Labels of the task or the data.
        axes: Names of their dimensions.
        scale: Their scale, where its range is known as well.
        owner: Whose they are, for the message.

    Raises:
        LabelSpaceMismatchError: If labels, axes or ranges differ, or their order; both are named.
        ValueError: If the bounds of the head leave out values of the scale.
    """
    main = head.main if isinstance(head, MultiHead) else head
    if isinstance(main, StatesOutputs):
        _check_outputs(main, labels=labels, axes=axes if scale is None else scale.axes, owner=owner)
        stated = main.affect_scale
        if scale is not None and stated is not None and _range(stated) != _range(scale):
            raise LabelSpaceMismatchError(
                f"{owner} and the head {type(main).__name__} have different ranges ({owner}, {scale.name!r}: "
                f"{range_of(scale)}; head, {stated.name!r}: {range_of(stated)}): make the head's graph from "
                f"these data by `affectkit graph make`, or bring their values to {stated.name!r}."
            )
    if scale is not None:
        _check_bounds(main, scale, owner=owner)


def _check_outputs(
    main: StatesOutputs, *, labels: LabelSpace | None, axes: Sequence[str] | None, owner: str
) -> None:
    name, space, scale = type(main).__name__, main.label_space, main.affect_scale
    if labels is not None and space is not None and not labels.same_order(space):
        raise LabelSpaceMismatchError(
            f"{owner} and the head {name} put labels in different orders ({owner}, {labels.name!r}: "
            f"{labels.order()}; head, {space.name!r}: {space.order()}): make the head's graph from "
            "these data by `affectkit graph make`, or choose the labels of the graph."
        )
    if axes is not None and scale is not None and tuple(axes) != scale.axes:
        raise LabelSpaceMismatchError(
            f"{owner} and the head {name} have different dimensions ({owner}: {', '.join(axes) or 'none'}; "
            f"head, {scale.name!r}: {', '.join(scale.axes)}): make the head's graph from these data by "
            "`affectkit graph make`, or choose the scale of the graph."
        )


def _check_bounds(main: object, scale: AffectScale, *, owner: str) -> None:
    for part in main.modules() if isinstance(main, nn.Module) else ():
        bounds: object = getattr(part, "bounds", None)
        if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
            continue
        low, high = (float(value) for value in bounds)
        if low > scale.low or high < scale.high:
            raise ValueError(
                f"The head {type(main).__name__} keeps its values from {low:g} to {high:g} and can never "
                f"reach all of those of {owner}, {range_of(scale)} ({scale.name!r}): set its bounds to "
                f"({scale.low:g}, {scale.high:g}), or to None."
            )


def _range(scale: AffectScale) -> tuple[float, float]:
    return scale.low, scale.high


def check_head_and_data(head: object, data: object, *, task: str) -> None:
    """Compare what a head says of its outputs with what a data module says of its targets.

    Args:
        head: The head.
        data: The data module.
        task: Name of the task, for the message.

    Raises:
        LabelSpaceMismatchError: If labels, axes or ranges differ, or their order.
        ValueError: If the bounds of the head leave out values of the data's scale.
    """
    labels: object = getattr(data, "label_space", None)
    scale: object = getattr(data, "affect_scale", None)
    check_head(
        head,
        labels=labels if isinstance(labels, LabelSpace) else None,
        scale=scale if isinstance(scale, AffectScale) else None,
        owner=f"the data of {task}",
    )
