"""Whether a difficulty and the data it measures speak of the same labels."""

from __future__ import annotations

from affectkit.labels import LabelSpace, LabelSpaceMismatchError, label_space
from affectkit.types import Difficulty, RecordDifficulty


def check_difficulty_labels(
    rule: Difficulty | RecordDifficulty, space: LabelSpace | None, *, data: str
) -> None:
    """Compare the ``label_space`` that a difficulty names, if any, with the labels that it is given.

    Args:
        rule: The difficulty.
        space: Order of the labels; None where there are none.
        data: Name of the data, for the message.

    Raises:
        LabelSpaceMismatchError: If the orders differ; both are printed.
    """
    named = getattr(rule, "label_space", None)
    if space is None or not isinstance(named, str | LabelSpace):
        return
    asked = label_space(named) if isinstance(named, str) else named
    if not asked.same_order(space):
        raise LabelSpaceMismatchError(
            f"{type(rule).__name__} measures labels of {asked.name!r} ({asked.order()}), but those of {data} "
            f"are of {space.name!r} ({space.order()}): set its label_space to {space.name!r}."
        )
