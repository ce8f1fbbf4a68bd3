"""The encoder of texts whose features a task was trained on, found again for raw texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from torch import Tensor

from affectkit.data.schema import ShardError
from affectkit.data.shards import MANIFEST_NAME, read_manifest
from affectkit.encoders import FeatureExtractor
from affectkit.predict.error import PredictError
from affectkit.predict.extract.named_extractor import TINY, named_extractor
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
        stored = _stored_encoder(data)
        made = named_extractor(TEXT, encoder or TINY) if isinstance(encoder, str | None) else encoder
        if made.identity != stored:
            given = (
                "no encoder was named" if encoder is None else f"the one that was named is {made.identity!r}"
            )
            raise PredictError(
                f"The model was trained on features of the encoder {stored!r}, and {given}: name the same "
                "one, `--text-encoder NAME` as in `affectkit extract --text NAME`, or give it in Python."
            )
        return cls(made)

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


def _stored_encoder(data: RunData) -> str:
    """The identity of the encoder whose features a run read."""
    kept = data.options.get("encoders")
    if isinstance(kept, Mapping) and not data.options.get("views") and isinstance(kept.get(TEXT), str):
        return str(kept[TEXT])
    root = _root(data)
    if not isinstance(root, str) or data.options.get("views"):
        raise PredictError(
            f"The model was trained with {data.module} on what {data.place} does not let files be turned "
            "into: make shards of them and use `affectkit predict --config` instead."
        )
    if not (Path(root) / MANIFEST_NAME).is_file():
        raise PredictError(
            f"The model was trained on stored features, and the data set {root} that names their encoder is "
            "not there: run the command where it lies."
        )
    try:
        manifest = read_manifest(root)
    except ShardError as error:
        raise PredictError(f"The data set {root} of the training cannot be read: {error}") from error
    if TEXT not in manifest.features:
        raise PredictError(
            f"The data set {root} of the training has features of {', '.join(sorted(manifest.features))} and "
            "none of text: make shards of the files and use `affectkit predict --config` instead."
        )
    return manifest.features[TEXT].encoder


def _root(data: RunData) -> object:
    """The data set of a run, of a mixture the first one."""
    sources = data.options.get("sources")
    if not isinstance(sources, Mapping):
        return data.options.get("root")
    first = next(iter(sources.values()), None)
    options = first.get("init_args") if isinstance(first, Mapping) else None
    kind = first.get("class_path") if isinstance(first, Mapping) else None
    named = isinstance(kind, str) and kind.endswith(".FeatureDataModule")
    return options.get("root") if named and isinstance(options, Mapping) else None
