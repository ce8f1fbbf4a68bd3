"""The predictor for a run, by what its task was trained on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

import torch
from torch import nn

from affectkit.calibration import load_scaling
from affectkit.encoders import FeatureExtractor
from affectkit.predict.clips import ClipPredictor
from affectkit.predict.dialogues import ConversationMediaPredictor, DialoguePredictor
from affectkit.predict.error import PredictError
from affectkit.predict.features import (
    ConversationPredictor,
    MediaFeaturePredictor,
    TextFeaturePredictor,
)
from affectkit.predict.features.trained_encoder import reads_media
from affectkit.predict.loaded_task import find_checkpoint, read_record
from affectkit.predict.local_model import local_model
from affectkit.predict.pictures import PicturePredictor
from affectkit.predict.predictor import Predictor
from affectkit.predict.pretrained import PretrainedPredictor
from affectkit.predict.pretrained.load_classifier import is_classifier
from affectkit.predict.run_data import RunData, read_run_data
from affectkit.predict.sounds import SoundPredictor
from affectkit.predict.texts import TextPredictor
from affectkit.tasks import AffectTask
from affectkit.tasks.saved_folder import WEIGHTS

_Loaded: TypeAlias = (
    ClipPredictor
    | ConversationMediaPredictor
    | ConversationPredictor
    | DialoguePredictor
    | MediaFeaturePredictor
    | PicturePredictor
    | PretrainedPredictor
    | SoundPredictor
    | TextFeaturePredictor
    | TextPredictor
)

#: Data module of the training -> what predicts files of its kind.
_BY_DATA: Final[Mapping[str, Callable[..., _Loaded]]] = MappingProxyType(
    {
        "AudioDataModule": SoundPredictor.from_checkpoint,
        "ClipDataModule": ClipPredictor.from_checkpoint,
        "ConversationMediaDataModule": ConversationMediaPredictor.from_checkpoint,
        "ConversationPromptDataModule": DialoguePredictor.from_checkpoint,
        "DialogueTextDataModule": DialoguePredictor.from_checkpoint,
        "ImageDataModule": PicturePredictor.from_checkpoint,
        "TextDataModule": TextPredictor.from_checkpoint,
    }
)


#: The same for tasks on stored features; the encoder of texts is found again.
_BY_FEATURES: Final[Mapping[str, Callable[..., _Loaded]]] = MappingProxyType(
    {
        "ConversationDataModule": ConversationPredictor.from_checkpoint,
        "FeatureDataModule": TextFeaturePredictor.from_checkpoint,
        "MixedDataModule": TextFeaturePredictor.from_checkpoint,
    }
)


def open_predictor(
    model: str | os.PathLike[str],
    *,
    batch_size: int = 8,
    device: torch.device | str | None = None,
    task: type[AffectTask] | None = None,
    encoder: str | FeatureExtractor | nn.Module | None = None,
    demonstrations: str | os.PathLike[str] | None = None,
    source: str | None = None,
    calibrated: bool = True,
    threshold: float = 0.5,
    **changes: object,
) -> Predictor:
    """Load a model with the reading, the transforms and the label space of its training.

    Args:
        model: Run folder, of which the best checkpoint is taken, checkpoint, folder that ``save_pretrained``
            wrote or of a classifier of transformers, or ``hf:OWNER/NAME`` for either on the hub.
        batch_size: Samples that run through the model together.
        device: Where; None takes a GPU if there is one.
        task: Class of the task, where it is one of your own.
        encoder: Of a task on stored features, what ``affectkit extract`` was given; also of prompts that show
            labelled utterances, which are found by such features. Of any other task a ready part of this
            name that it had been given.
        demonstrations: Where these utterances lie, a saved index or shards; None takes the place of the
            training.
        source: Of a model that was evaluated on sources that read differently, the one that the files are
            like.
        calibrated: Whether the logits are scaled as ``affectkit calibrate`` fitted it for the checkpoint,
            where it has been; ``manner`` of the predictor says which.
        threshold: From which probability on a label holds, of a model whose labels may hold together.
        changes: Constructor arguments of the task: parts that it had been given, or values to change. Of
            a classifier of transformers ``label_space``, and the label of each name that it gives one.

    Raises:
        PredictError: If there is no such model, or it reads nothing that lies in files, or the threshold is
            no probability.
        ScalingFileError: If the scaling is damaged, or was fitted for other weights.
    """
    if not 0 < threshold < 1:
        raise PredictError(f"The threshold is {threshold:g}: give a probability between 0 and 1.")
    model = local_model(model)
    predictor = _opened(
        model,
        batch_size=batch_size,
        device=device,
        task=task,
        encoder=encoder,
        demonstrations=demonstrations,
        source=source,
        **changes,
    )
    predictor.threshold = threshold
    predictor.source = source
    stored = None
    if calibrated and not is_classifier(model):
        path = find_checkpoint(model)
        stored = load_scaling(path if path.is_file() else path / WEIGHTS)
    if stored is not None:
        predictor.use_scaling(stored)
    return predictor


def _opened(
    model: str,
    *,
    batch_size: int,
    device: torch.device | str | None,
    task: type[AffectTask] | None,
    encoder: str | FeatureExtractor | nn.Module | None,
    demonstrations: str | os.PathLike[str] | None,
    source: str | None,
    **changes: object,
) -> _Loaded:
    shows = not is_classifier(model) and _shows_demonstrations(find_checkpoint(model), source)
    if demonstrations is not None and not shows:
        raise PredictError(f"The model {model} is shown no labelled utterances: leave demonstrations out.")
    if is_classifier(model):
        for name, given in {"encoder": encoder, "source": source}.items():
            if given is not None:
                raise PredictError(f"The model {model} is a classifier of transformers: leave {name} out.")
        names = {name: str(value) for name, value in changes.items()}
        return PretrainedPredictor.from_pretrained(
            model,
            label_space=names.pop("label_space", None),
            batch_size=batch_size,
            device=device,
            **names,
        )
    path = find_checkpoint(model)
    data = _data(path, source)
    module = "ImageDataModule" if data is None else data.module
    if shows or module in _BY_FEATURES:
        changes["encoder"] = encoder
    elif isinstance(encoder, nn.Module):
        changes["encoder"] = encoder  # a ready part of the task, e.g. of one of recordings
    elif encoder is not None:
        raise PredictError(
            f"The model {path} was trained with {module}, not on stored features: leave encoder out."
        )
    if module not in {*_BY_DATA, *_BY_FEATURES}:
        raise PredictError(
            f"The model {path} was trained with {module}, which reads more than a raw file holds: make "
            "shards of the files and use `affectkit predict --config` instead."
        )
    load = {**_BY_DATA, **_BY_FEATURES}[module]
    if load == TextFeaturePredictor.from_checkpoint and data is not None and reads_media(data):
        load = MediaFeaturePredictor.from_checkpoint
    if demonstrations is not None:
        changes["demonstrations"] = demonstrations
    return load(path, source=source, batch_size=batch_size, device=device, task=task, **changes)


def _data(path: Path, source: str | None) -> RunData | None:
    """How a run read its data; None where it saw pictures in one way, whose view is kept by itself."""
    if source is None and read_record(path).pictures is not None:
        return None
    return read_run_data(path, source=source)


def _shows_demonstrations(path: Path, source: str | None) -> bool:
    """Whether prompts of a run show labelled utterances."""
    data = _data(path, source)
    if data is None:
        return False
    return data.module == "ConversationPromptDataModule" and data.value("demonstrations", int, 0) > 0
