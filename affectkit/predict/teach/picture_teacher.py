"""Anything that answers for pictures, with what it wants to be shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.data.loader import ItemTarget, PictureView
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS
from affectkit.labels import LabelSpace
from affectkit.predict.pictures.trained_task import load_trained
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput


class PictureTeacher:
    """Answers for the samples of a data set of pictures, as they are shown in evaluation.

    Args:
        answer: Inputs by name, e.g. ``{"visual": (B, 3, H, W)}``, to an output; it must pickle where
            several processes share the work, and give the same for the same picture.
        view: How a picture is shown: size, streams, and what pixels are normalised to (None = bytes).
        identity: Names the teacher and its weights; equal identities give equal answers.
        label_space: Order of its logits; None where it gives none.

    Examples:
        >>> teacher = PictureTeacher(
        ...     lambda inputs: AffectOutput(dims=inputs["visual"].float().mean((2, 3))[:, :2]),
        ...     view=PictureView(8),
        ...     identity="mean colour",
        ... )
        >>> teacher.identity
        'mean colour'
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Tensor]], AffectOutput],
        *,
        view: PictureView,
        identity: str,
        label_space: LabelSpace | None = None,
    ) -> None:
        self._answer = answer
        self._decode = view.decoder()
        self._collate = view.collate(ItemTarget(label_table=None))
        self._normalize = (
            None if view.normalization is None else NormalizePixels(*NORMALIZATIONS[view.normalization])
        )
        self.identity = identity
        self.label_space = label_space

    @classmethod
    def from_run(cls, model: str | os.PathLike[str], **changes: Any) -> Self:
        """The task of a run of affectkit that was trained on pictures.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            changes: As for :func:`affectkit.predict.load_trained`.

        Raises:
            PredictError: If there is no checkpoint, or not one of a task that reads pictures.
        """
        trained = load_trained(model, **changes)
        task = trained.task.eval()
        task.requires_grad_(False)
        return cls(
            _TaskAnswer(task),
            view=trained.view,
            identity=f"{type(task).__name__} checkpoint:{trained.digest}",
            label_space=task.label_space,
        )

    def answers(self, samples: Sequence[Mapping[str, memoryview]]) -> AffectOutput:
        """Answer for samples by their members.

        Raises:
            ShardError: If a sample is damaged.
        """
        batch = self._collate(
            [self._decode(members) for members in samples],
            keys=[str(place) for place in range(len(samples))],
            positions=range(len(samples)),
            valid=[True] * len(samples),
        )
        inputs = dict(batch.inputs)
        if self._normalize is not None:
            inputs = {name: self._normalize(pixels) for name, pixels in inputs.items()}
        with torch.inference_mode():
            return self._answer(inputs)


class _TaskAnswer:
    """A task as a function of its inputs; pickles."""

    def __init__(self, task: AffectTask) -> None:
        self.task = task

    def __call__(self, inputs: dict[str, Tensor]) -> AffectOutput:
        rows = len(next(iter(inputs.values())))
        batch = AffectBatch(inputs=inputs, valid=torch.ones(rows, dtype=torch.bool))
        output: AffectOutput = self.task(batch)
        return output
