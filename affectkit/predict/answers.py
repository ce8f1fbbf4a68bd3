"""What a predictor asks: a task, or a classifier of another library."""

from __future__ import annotations

from typing import Protocol, Self

import torch

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.labels import LabelSpace
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput


class Answers(Protocol):
    """A model in evaluation that answers for batches."""

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the logits; None where it gives values alone."""
        ...

    @property
    def several(self) -> bool:
        """Whether labels may hold together, each with a probability of its own."""
        ...

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the values; those without a name are numbered."""
        ...

    @property
    def name(self) -> str:
        """What the model is called in messages."""
        ...

    def to(self, device: torch.device) -> Self:
        """Move it."""
        ...

    def __call__(self, batch: AffectBatch) -> AffectPrediction:
        """Answer for the real rows of a batch."""
        ...


class TaskAnswers:
    """A task of affectkit, asked as its own evaluation asks it.

    Args:
        task: The task; it is put into evaluation.
    """

    def __init__(self, task: AffectTask) -> None:
        self.task = task.eval()

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the logits; None where the task predicts values alone."""
        return self.task.label_space

    @property
    def several(self) -> bool:
        """Whether the label space says so."""
        return self.label_space is not None and self.label_space.kind == "multilabel"

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the predicted values that the task states."""
        named: object = getattr(self.task, "axes", None) or self.task.hparams.get("axes")
        return tuple(str(name) for name in named) if isinstance(named, (list, tuple)) else ()

    @property
    def name(self) -> str:
        """Class of the task."""
        return type(self.task).__name__

    def to(self, device: torch.device) -> Self:
        """Move the task."""
        self.task.to(device)
        return self

    def __call__(self, batch: AffectBatch) -> AffectPrediction:
        """What the task's ``predict_step`` gives."""
        with torch.inference_mode():
            output: AffectOutput = self.task(batch)
            return self.task.prediction(batch, output)
