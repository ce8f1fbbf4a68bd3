"""Where losses find what a teacher says about a batch."""

from __future__ import annotations

from typing import Literal, TypeAlias

from torch import Tensor

from affectkit.types import AffectOutput, Target

#: Names of a teacher's results, in ``AffectOutput.views`` or, read from shards, ``Target.extra``.
TeacherPart: TypeAlias = Literal["teacher_logits", "teacher_dims", "teacher_embedding"]


def find_teacher_part(output: AffectOutput, target: Target, name: TeacherPart) -> Tensor | None:
    """What a teacher that ran in this step says, else what was stored of one, else None."""
    for parts in (output.views, target.extra):
        if parts is not None and name in parts:
            return parts[name]
    return None


def teacher_part(output: AffectOutput, target: Target, name: TeacherPart, *, loss: str) -> Tensor:
    """As :func:`find_teacher_part`, and an error where there is none.

    Args:
        output: A teacher that runs beside the student puts its results into ``views``.
        target: Stored results of a teacher come with the batch, in ``extra``; NaN = absent.
        name: Which result.
        loss: Who asks, for the error.

    Raises:
        ValueError: If neither has it.
    """
    found = find_teacher_part(output, target, name)
    if found is None:
        raise ValueError(
            f"{loss} needs {name!r}, which neither the model's views nor the batch's extra targets hold: "
            "run the teacher in the step, or store its outputs with the data."
        )
    return found


def teacher_views(teacher: AffectOutput) -> dict[str, Tensor]:
    """Results of a teacher by the names under which losses look for them, without gradient.

    Examples:
        >>> import torch
        >>> sorted(teacher_views(AffectOutput(logits=torch.zeros(1, 2), embedding=torch.zeros(1, 3))))
        ['teacher_embedding', 'teacher_logits']
    """
    parts = {
        "teacher_logits": teacher.logits,
        "teacher_dims": teacher.dims,
        "teacher_embedding": teacher.embedding,
    }
    return {name: part.detach() for name, part in parts.items() if part is not None}
