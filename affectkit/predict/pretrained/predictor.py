"""Any classifier of transformers over files as they lie about."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Self

import torch

from affectkit.data.collate import Collate
from affectkit.data.loader import Decode, ItemTarget
from affectkit.data.loader.text_batch import TextCollate, TextReader
from affectkit.encoders import TextTokenizer
from affectkit.labels.sensitive_attributes import sensitive_attributes
from affectkit.predict.batch_predictor import BatchPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.pictures.picture_item import find_pictures
from affectkit.predict.pretrained.answers import ClassifierAnswers
from affectkit.predict.pretrained.label_columns import label_columns
from affectkit.predict.pretrained.load_classifier import InputKind, LoadedClassifier, load_classifier
from affectkit.predict.pretrained.prepared import PreparedPictures, PreparedSounds
from affectkit.predict.sounds.sound_item import find_sounds
from affectkit.predict.texts.text_item import find_texts

_THINGS: Final[Mapping[InputKind, str]] = MappingProxyType(
    {"picture": "pictures", "recording": "recordings", "text": "texts"}
)


class PretrainedPredictor(BatchPredictor[Any]):
    """Predicts with a classifier of transformers, prepared by what lies beside its weights.

    Its ``id2label`` is mapped to a label space by name, or refused with the names that are unknown. A
    network of waveforms that is not told where a batch is filled up runs with one recording at a time.

    Args:
        loaded: The classifier.
        label_space: Name of the label space to map to; None takes the registered one with the same labels.
        renamed: Name that the model gives a label -> label.
        batch_size: Samples that run through the model together.
        device: Where; None takes a GPU if there is one.

    Raises:
        PredictError: If its labels are unknown, are not those of ``label_space``, or sort people by a
            sensitive attribute.
    """

    def __init__(
        self,
        loaded: LoadedClassifier,
        *,
        label_space: str | None = None,
        renamed: Mapping[str, str] = MappingProxyType({}),
        batch_size: int = 8,
        device: torch.device | str | None = None,
    ) -> None:
        labels = label_columns(
            loaded.names, model=loaded.label, renamed=renamed, space=label_space, several=loaded.several
        )
        space = labels.space
        found = sensitive_attributes([*loaded.names, *space.labels], space=space.name)
        if found:
            raise PredictError(
                f"The model {loaded.label} predicts {', '.join(found)}, and affectkit sorts nobody by "
                "sensitive attributes: use a model without these labels."
            )
        decode: Decode[Any]
        collate: Collate[Any]
        match loaded.kind:
            case "picture":
                pictures = PreparedPictures(loaded.load_preparer())
                decode, collate = pictures.decode, pictures
            case "recording":
                sounds = PreparedSounds(loaded.load_preparer())
                decode, collate = sounds.decode, sounds
                batch_size = batch_size if sounds.heeds_filling else min(1, batch_size)
            case "text":
                tokenizer = TextTokenizer(loaded.source, ascii_punctuation=False)
                decode, collate = TextReader(), TextCollate(ItemTarget(label_table=None), tokenizer)
        super().__init__(
            ClassifierAnswers(loaded, labels),
            decode=decode,
            collate=collate,
            batch_size=batch_size,
            device=device,
            identity=loaded.identity,
        )
        self.things = _THINGS[loaded.kind]
        self._kind = loaded.kind

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        label_space: str | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        **renamed: str,
    ) -> Self:
        """Load a classifier.

        Args:
            model: Folder, or ``hf:NAME``, which is downloaded unless it is there.
            label_space: Name of the label space to map to.
            batch_size: Samples that run through the model together.
            device: Where; None takes a GPU if there is one.
            renamed: Label of each name that the model gives one, e.g. ``LABEL_0="joy"``.

        Raises:
            MissingExtraError: If transformers is not installed.
            PredictError: If it is no classifier, or its labels are unknown.
        """
        loaded = load_classifier(model)
        return cls(loaded, label_space=label_space, renamed=renamed, batch_size=batch_size, device=device)

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Pictures, recordings or texts by their places, as the predictors of their kinds have it."""
        match self._kind:
            case "picture":
                return find_pictures(paths, split=split, every=every)
            case "recording":
                return find_sounds(paths, split=split, every=every)
            case "text":
                if every is not None:
                    raise PredictError("Texts are as long as they are written: leave --every out.")
                return find_texts(paths, split=split)

    def described(self, model: str) -> str:
        """What is shown to which model, in a line."""
        space = self.label_space
        named = "" if space is None else f", labels of {space.name}"
        return f"{self.things}, as the processor beside {model} prepares them ({self.identity}{named})"
