"""Whether a head that was made for certain labels speaks of those of its task and data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from affectkit.heads import MultiHead
from affectkit.labels import AffectScale, LabelSpace, LabelSpaceMismatchError


@runtime_checkable
class StatesOutputs(Protocol):
    """A head that knows what its outputs mean, as one whose weights come from a label graph."""

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of its logits."""
        ...

    @property
    def affect_scale(self) -> AffectScale | None:
        """Axes of its dimensions."""
        ...


def check_head(
    head: object, *, labels: LabelSpace | None = None, axes: Sequence[str] | None = None, owner: str
) -> None:
    """Compare what a head says of its outputs with the labels and axes of a task or its data.

    A head that says nothing fits everything, and what is None is not compared.

    Args:
        head: The head, or several of which the main one is looked at.
        labels: Labels of the task or the data.
        axes: Names of their dimensions.
        owner: Whose they are, for the message.

    Raises:
        LabelSpaceMismatchError: If labels or axes differ, or their order; both orders are named.
    """
    main = head.main if isinstance(head, MultiHead) else head
    if not isinstance(main, StatesOutputs):
        return
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


def check_head_and_data(head: object, data: object, *, task: str) -> None:
    """Compare what a head says of its outputs with what a data module says of its targets.

    Args:
        head: The head.
        data: The data module.
        task: Name of the task, for the message.

    Raises:
        LabelSpaceMismatchError: If labels or axes differ, or their order.
    """
    labels: object = getattr(data, "label_space", None)
    scale: object = getattr(data, "affect_scale", None)
    check_head(
        head,
        labels=labels if isinstance(labels, LabelSpace) else None,
        axes=scale.axes if isinstance(scale, AffectScale) else None,
        owner=f"the data of {task}",
    )
