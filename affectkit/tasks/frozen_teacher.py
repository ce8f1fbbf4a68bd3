"""A trained run that answers for the student's batches and learns nothing itself."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.data.loader import PictureView
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS
from affectkit.labels import LabelMap, LabelSpace, LabelSpaceMismatchError
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.checkpoint_record import CheckpointRecord
from affectkit.tasks.run_checkpoint import run_checkpoint, shipped_task
from affectkit.types import AffectOutput


class TeacherError(ValueError):
    """A teacher cannot be used: the message says which one, why, and what to do."""


class FrozenTeacher:
    """The task of a run folder, in evaluation, without gradient, its logits in the student's order.

    It is no module: its weights are neither trained nor saved with the student's, but lie in its own run.

    Args:
        run: Run folder, whose best checkpoint is taken, or a checkpoint.
        space: Label space of the student.

    Raises:
        TeacherError: If there is no such run, its task is not one of affectkit, it was not trained on
            pictures, or it needs parts that a checkpoint cannot hold.
        LabelSpaceMismatchError: If its labels are not those of the student; both orders are printed.
    """

    def __init__(self, run: str | os.PathLike[str], *, space: LabelSpace) -> None:
        path = run_checkpoint(run)
        if path is None:
            raise TeacherError(
                f"The teacher {os.fspath(run)!r} is no run folder with a checkpoint: name a run of affectkit "
                "in which a training finished an epoch, or a checkpoint file."
            )
        record = CheckpointRecord.peek(path)
        kind = None if record is None else shipped_task(record.task)
        if record is None or kind is None or record.pictures is None:
            raise TeacherError(
                f"The teacher {path} was not written by a task of affectkit that reads pictures: store the "
                "answers of any other teacher with store_teacher_answers."
            )
        self.task: AffectTask = kind.load_from_checkpoint(path, map_location="cpu").eval()
        self.task.requires_grad_(False)
        self.view: PictureView = record.pictures
        self.order = teacher_order(self.task.label_space, space, teacher=os.fspath(run))
        self._normalize: NormalizePixels | None = None
        if self.view.normalization is not None:
            self._normalize = NormalizePixels(*NORMALIZATIONS[self.view.normalization])

    @torch.no_grad()
    def __call__(self, batch: AffectBatch) -> AffectOutput:
        """Answer for a batch of bytes, on the device where it is.

        Raises:
            TeacherError: If the batch lacks an input of the teacher, or pictures come in another size.
        """
        device = batch.valid.device
        if next(self.task.parameters()).device != device:
            self.task.to(device)
        absent = [name for name in self.task.encoders if name not in batch.inputs]
        if absent:
            # A task in evaluation goes on without an input: a worse teacher, of which nobody would know.
            raise TeacherError(
                f"The teacher reads {absent[0]!r}, but the student's data hold "
                f"{', '.join(sorted(batch.inputs)) or 'nothing'}: add that input to the data, "
                "or take a teacher of pictures alone."
            )
        inputs = {name: batch.inputs[name] for name in self.task.encoders}
        for name, pixels in inputs.items():
            if self.view.size is not None and set(pixels.shape[-2:]) != {self.view.size}:
                raise TeacherError(
                    f"The teacher saw pictures of {self.view.size} pixels a side in its training, and "
                    f"{name!r} comes with {tuple(pixels.shape[-2:])}: store its answers with the data "
                    "(`affectkit teach`), or train the student at that size."
                )
            if self._normalize is not None:
                inputs[name] = self._normalize.to(device)(pixels)
        seen = AffectBatch(
            inputs=inputs, masks=batch.masks, present=batch.present, valid=batch.valid, keys=batch.keys
        )
        answer: AffectOutput = self.task(seen)
        return answer._replace(logits=reorder(answer.logits, self.order))


def teacher_order(teachers: LabelSpace | None, students: LabelSpace, *, teacher: str) -> LabelMap | None:
    """How a teacher's columns become a student's; None where the teacher predicts no labels.

    Raises:
        LabelSpaceMismatchError: If the two do not have the same labels; both orders are printed.
    """
    if teachers is None:
        return None
    found = teachers.map_to(students, unknown="ignore")
    if set(found.table) != set(range(len(students))) or len(teachers) != len(students):
        raise LabelSpaceMismatchError(
            f"The teacher {teacher!r} answers in other labels than the student's. Teacher, "
            f"{teachers.name!r}: {teachers.order()}. Student, {students.name!r}: {students.order()}. "
            "Train both in one label space, or use the teacher's features alone."
        )
    return found


def reorder(logits: Tensor | None, order: LabelMap | None) -> Tensor | None:
    """Columns of a teacher's logits in the order that a map leads to."""
    if logits is None or order is None or order.is_identity:
        return logits
    places = [order.table.index(place) for place in range(len(order.target))]
    return logits[..., places]
