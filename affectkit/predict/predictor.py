"""What every predictor does, whatever it reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from affectkit.labels import LabelSpace
from affectkit.predict.item import PredictItem
from affectkit.predict.prediction import Prediction


class Predictor(Protocol):
    """A model over files as they lie about; :func:`open_predictor` makes the one for a run."""

    #: What it reads, e.g. ``"pictures"``.
    things: str
    batch_size: int
    #: Names the weights in what is written.
    identity: str

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the probabilities; None where it predicts values alone."""
        ...

    @property
    def manner(self) -> str:
        """How probabilities are made of what the model gives, e.g. ``"softmax"``."""
        ...

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """What is to be predicted of files, folders and data sets, in order.

        Args:
            paths: Files, folders, or folders of shards.
            split: Split of the shards.
            every: Cut videos and recordings into parts of so many seconds; None = as the kind has it.

        Raises:
            PredictError: If there is nothing of the kind there, or it has no seconds to go by.
        """
        ...

    def rows(self, items: Iterable[PredictItem]) -> Iterator[Prediction]:
        """Predict for each item in turn; one that cannot be read gets a row with its error."""
        ...

    def described(self, model: str) -> str:
        """What is shown to which model, in a line or two."""
        ...
