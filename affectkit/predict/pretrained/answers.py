"""A classifier of transformers, asked like a task."""

from __future__ import annotations

from typing import Any, Self

import torch

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.labels import LabelSpace
from affectkit.predict.pretrained.label_columns import LabelColumns
from affectkit.predict.pretrained.load_classifier import LoadedClassifier
from affectkit.tasks.batch_prediction import batch_prediction
from affectkit.types import AffectOutput


class ClassifierAnswers:
    """Gives the logits of a classifier in the order of a label space.

    Args:
        loaded: The classifier.
        labels: Which of its logits stands for each label.
    """

    def __init__(self, loaded: LoadedClassifier, labels: LabelColumns) -> None:
        self._model = loaded.model
        self._labels = labels
        self._several = loaded.several
        self.name = loaded.label

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the logits."""
        return self._labels.space

    @property
    def several(self) -> bool:
        """Whether it was trained for labels that may hold together."""
        return self._several

    @property
    def axes(self) -> tuple[str, ...]:
        """No values."""
        return ()

    def to(self, device: torch.device) -> Self:
        """Move the network."""
        self._model.to(device)
        return self

    def __call__(self, batch: AffectBatch) -> AffectPrediction:
        """Answer for the real rows of a batch."""
        given = dict(batch.inputs)
        if "text" in given:
            given = {"input_ids": given["text"], "attention_mask": batch.masks["text"].long()}
        with torch.inference_mode():
            found: Any = self._model(**given)
        columns = torch.tensor(self._labels.columns, device=found.logits.device)
        return batch_prediction(batch, AffectOutput(logits=found.logits[:, columns]))
