"""The encoder of texts whose features a task was trained on, found again for raw texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from torch import Tensor

from affectkit.encoders import FeatureExtractor
from affectkit.predict.error import PredictError
from affectkit.predict.features.trained_encoder import trained_encoder
from affectkit.predict.run_data import RunData

TEXT: Final = "text"


class TextFeatures(NamedTuple):
    """An encoder of texts and the name that its features have in batches.

    Attributes:
        encoder: The encoder, of whatever modality name it gives ``"text"``.
        name: Name of the features.
    """

    encoder: FeatureExtractor
    name: str = TEXT

    @classmethod
    def of_run(cls, data: RunData, encoder: str | FeatureExtractor | None) -> Self:
        """Take the encoder of the data set that a run was trained on; another one is refused.

        Args:
            data: How the run read its data.
            encoder: What ``affectkit extract --text`` was given, or the encoder; None tries ``"tiny"``.

        Raises:
            PredictError: If the task was trained on more than features of texts, its data set is not there,
                or its features were made by another encoder.
        """
        return cls(trained_encoder(data, encoder, modality=TEXT))

    @property
    def dims(self) -> dict[str, int]:
        """Width of the features by their name."""
        return {self.name: self.encoder.out_dim}

    def rows(self, texts: Sequence[str]) -> Tensor:
        """Features (n, D) of n texts."""
        return self.encoder(texts)


def check_inputs(inputs: Sequence[str], features: TextFeatures, *, task: str) -> None:
    """Refuse a task that reads more than texts.

    Raises:
        PredictError: If it reads anything else.
    """
    if list(inputs) != [features.name]:
        raise PredictError(
            f"{task} reads features of {', '.join(inputs)}, and texts give {features.name} alone: make "
            "shards with all of them and use `affectkit predict --config` instead."
        )
