"""A task that was trained on stored features of texts, over raw texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import torch

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import ItemTarget
from affectkit.data.loader.item_features import ItemFeatures, ItemFeaturesCollate
from affectkit.data.loader.text_batch import TextReader
from affectkit.data.schema import ItemRecord
from affectkit.encoders import FeatureExtractor
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.batch_predictor import BatchPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.features.text_features import TextFeatures, check_inputs
from affectkit.predict.item import PredictItem
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.predict.texts.text_item import find_texts, text_item
from affectkit.tasks import AffectTask


class TextFeaturePredictor(BatchPredictor[ItemRecord]):
    """Predicts for raw texts by a task on features, which the encoder of its training makes.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        features: The encoder, which stays on the CPU.
        batch_size: Texts that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads more than features of texts.
    """

    #: What is predicted, for messages.
    things = "texts"

    def __init__(
        self,
        task: AffectTask,
        features: TextFeatures,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        check_inputs(list(task.encoders), features, task=type(task).__name__)
        super().__init__(
            TaskAnswers(task),
            decode=TextReader(),
            collate=_EncodeAndJoin(features),
            batch_size=batch_size,
            device=device,
            identity=identity,
        )
        self.task = task
        self.features = features

    @classmethod
    def from_checkpoint(
        cls,
        model: str | os.PathLike[str],
        *,
        encoder: str | FeatureExtractor | None = None,
        source: str | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: object,
    ) -> Self:
        """Load a task, and the encoder whose features it was trained on.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            encoder: What ``affectkit extract --text`` was given, or the encoder; None tries ``"tiny"``.
            source: Of a task that was evaluated on sources that read differently, the one that is meant.
            batch_size: Texts that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or the encoder is another one.
        """
        path = find_checkpoint(model)
        features = TextFeatures.of_run(read_run_data(path, source=source), encoder)
        loaded = load_task(path, task=task, **changes)
        return cls(loaded.task, features, batch_size=batch_size, device=device, identity=loaded.digest)

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Texts by their places, see :func:`find_texts`."""
        if every is not None:
            raise PredictError("Texts are as long as they are written: leave --every out.")
        return find_texts(paths, split=split)

    def predict(self, texts: Iterable[str | PredictItem]) -> Iterator[Prediction]:
        """Predict for each text in turn; one that cannot be read gets a row with its error.

        Args:
            texts: The texts themselves, or what :meth:`find` found in files.
        """
        return self.rows(map(text_item, texts))

    def described(self, model: str) -> str:
        """What is read by which model, in a line."""
        return (
            f"texts, each alone, as features of {self.features.encoder.identity}, as in the evaluation of "
            f"{model} ({self.identity})"
        )


class _EncodeAndJoin:
    """Encodes the texts of a batch in one call and joins their features as stored ones are."""

    def __init__(self, features: TextFeatures) -> None:
        self._features = features
        self._join = ItemFeaturesCollate(features.dims, ItemTarget(label_table=None))

    def __call__(
        self,
        samples: Sequence[ItemRecord],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        with torch.inference_mode():
            rows = self._features.rows([record["text"] for record in samples])
        items = [
            ItemFeatures(record, {self._features.name: row})
            for record, row in zip(samples, rows, strict=True)
        ]
        return self._join(items, keys=keys, positions=positions, valid=valid)
