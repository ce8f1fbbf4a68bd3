"""Whether data have the attributes that a task predicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from affectkit.labels import LabelSpace, LabelSpaceMismatchError


@runtime_checkable
class DescribesAttributes(Protocol):
    """A data module that knows the label spaces of its further targets."""

    @property
    def extra_spaces(self) -> Mapping[str, LabelSpace]:
        """Label space of each further target."""
        ...


def check_attributes(
    data: DescribesAttributes, *, attributes: Mapping[str, int], several: Collection[str], task: str
) -> None:
    """Compare attributes with the further targets of the data.

    Args:
        data: The data module.
        attributes: Number of values of each attribute.
        several: Those of which a sample may have several.
        task: Name of the task, for the message.

    Raises:
        ValueError: If the data lack one, or it has another number of values or is of the other kind.
    """
    spaces = data.extra_spaces
    for name, size in attributes.items():
        space = spaces.get(name)
        if space is None:
            raise ValueError(
                f"{task} predicts the attribute {name!r}, which the data lack (they have "
                f"{', '.join(sorted(spaces)) or 'none'}): leave it out of attributes, or choose other shards."
            )
        if len(space) != size:
            raise ValueError(
                f"{task} gives the attribute {name!r} {size} values, but the data have {len(space)}: set "
                f"attributes.{name} to {len(space)}."
            )
        if (space.kind == "multilabel") != (name in several):
            mine = "several values" if name in several else "one value"
            remedy = "take it out of" if name in several else "add it to"
            raise ValueError(
                f"{task} takes the attribute {name!r} as {mine} a sample, but its label space "
                f"{space.name!r} is {space.kind}: {remedy} several."
            )


def check_attribute_orders(
    learned: Mapping[str, LabelSpace], data: Mapping[str, LabelSpace], *, task: str
) -> None:
    """Compare the values of attributes with those that a task has learned.

    Args:
        learned: Label space of each attribute in the training.
        data: Label spaces of the further targets of the data.
        task: Name of the task, for the message.

    Raises:
        LabelSpaceMismatchError: If the orders of one differ; both are printed.
    """
    for name, space in learned.items():
        found = data.get(name)
        if found is not None and not space.same_order(found):
            raise LabelSpaceMismatchError(
                f"{task} has learned the attribute {name!r} in another order than the data put it. "
                f"Training: {space.order()}. Data: {found.order()}. Make the shards anew, with the values "
                "numbered as in the training."
            )
