"""A task that was trained on stored features of recordings or pictures, over the files themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Self

import numpy as np
import torch

from affectkit.data.batch import AffectBatch
from affectkit.data.decode import DecodeError, decode_member
from affectkit.data.loader import ItemTarget
from affectkit.data.loader.item_features import ItemFeatures, ItemFeaturesCollate
from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ItemRecord
from affectkit.encoders import FeatureExtractor
from affectkit.predict.answers import TaskAnswers
from affectkit.predict.batch_predictor import BatchPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.features.trained_encoder import trained_encoder
from affectkit.predict.item import Members, PredictItem
from affectkit.predict.loaded_task import find_checkpoint, load_task
from affectkit.predict.pictures.picture_item import KINDS, find_pictures, picture_item
from affectkit.predict.prediction import Prediction
from affectkit.predict.run_data import read_run_data
from affectkit.predict.sounds.sound_item import PART, RATE, WAVE, find_sounds, sound_item
from affectkit.tasks import AffectTask

Medium = Literal["audio", "visual"]
_THINGS: Final[Mapping[Medium, str]] = MappingProxyType({"audio": "recordings", "visual": "pictures"})


class MediaFeaturePredictor(BatchPredictor[Any]):
    """Predicts for recordings or pictures by a task on features, which the encoder of its training makes.

    The features are those of ``affectkit extract`` as far as the encoder gives a file the same row in any
    company; one whose products of matrices round by the number of rows differs in the last digits.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        encoder: The encoder, of ``"audio"`` or ``"visual"``, which stays on the CPU.
        batch_size: Files that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads more than these features, or the encoder reads neither.

    Examples:
        >>> import numpy as np
        >>> from affectkit.encoders.tiny import TinyImageEncoder
        >>> from affectkit.tasks import CategoricalDimensionalTask
        >>> encoder = TinyImageEncoder()
        >>> task = CategoricalDimensionalTask(
        ...     "meld7.official", scale="vad.emobank", inputs={"visual": encoder.out_dim}, head="separate"
        ... )
        >>> predictor = MediaFeaturePredictor(task, encoder, batch_size=1)
        >>> (row,) = predictor.predict([np.zeros((40, 60, 3), dtype=np.uint8)])
        >>> row.region, len(row.probabilities)
        ('whole frame', 7)
    """

    def __init__(
        self,
        task: AffectTask,
        encoder: FeatureExtractor,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        if encoder.modality not in _THINGS or list(task.encoders) != [encoder.modality]:
            raise PredictError(
                f"{type(task).__name__} reads features of {', '.join(task.encoders)}, and files give "
                f"{encoder.modality} alone: make shards with all of them and use `affectkit predict "
                "--config`."
            )
        self._medium: Medium = "audio" if encoder.modality == "audio" else "visual"
        self.things = _THINGS[self._medium]
        super().__init__(
            TaskAnswers(task),
            decode=_MediumReader(_waveform if self._medium == "audio" else _pixels),
            collate=_EncodeAndJoin(encoder),
            batch_size=batch_size,
            device=device,
            identity=identity,
        )
        self.task = task
        self.encoder = encoder

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
            encoder: What ``affectkit extract`` was given, or the encoder; None tries ``"tiny"``.
            source: Of a task that was evaluated on sources that read differently, the one that is meant.
            batch_size: Files that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change.

        Raises:
            PredictError: If there is no checkpoint, or the encoder is another one.
        """
        path = find_checkpoint(model)
        loaded = load_task(path, task=task, **changes)
        medium = "audio" if "audio" in loaded.task.encoders else "visual"
        found = trained_encoder(read_run_data(path, source=source), encoder, modality=medium)
        return cls(loaded.task, found, batch_size=batch_size, device=device, identity=loaded.digest)

    def find(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        split: str = "test",
        every: float | None = None,
    ) -> list[PredictItem]:
        """Recordings or pictures by their places, as the predictors of their kinds have it."""
        if self._medium == "audio":
            return find_sounds(paths, split=split, every=every)
        return find_pictures(paths, split=split, every=every)

    def predict(self, files: Iterable[Any]) -> Iterator[Prediction]:
        """Predict for each recording or picture in turn.

        Args:
            files: Paths, recordings in memory or uint8 pixels (H, W, 3), or what :meth:`find` found.
        """
        return self.rows(map(sound_item if self._medium == "audio" else picture_item, files))

    def described(self, model: str) -> str:
        """What is read by which model, in a line."""
        return (
            f"{self.things}, as features of {self.encoder.identity}, as in the evaluation of {model} "
            f"({self.identity})"
        )


class _Raw(NamedTuple):
    record: ItemRecord
    item: object


class _MediumReader:
    """Reads a file as `affectkit extract` gives it to an encoder."""

    def __init__(self, read: Callable[[Members], object]) -> None:
        self._read = read

    def __call__(self, members: Mapping[str, memoryview]) -> _Raw:
        return _Raw(read_item(members), self._read(members))


class _EncodeAndJoin:
    """Encodes the files of a batch in one call and joins their features as stored ones are."""

    def __init__(self, encoder: FeatureExtractor) -> None:
        self._encoder = encoder
        self._join = ItemFeaturesCollate({encoder.modality: encoder.out_dim}, ItemTarget(label_table=None))

    def __call__(
        self,
        samples: Sequence[_Raw],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        with torch.inference_mode():
            rows = self._encoder([sample.item for sample in samples])
        items = [
            ItemFeatures(sample.record, {self._encoder.modality: row})
            for sample, row in zip(samples, rows, strict=True)
        ]
        return self._join(items, keys=keys, positions=positions, valid=valid)


def _pixels(members: Members) -> object:
    kind = next(kind for kind in KINDS if kind in members)
    return decode_member(kind, members[kind])


def _waveform(members: Members) -> object:
    if WAVE in members:
        rate, channels = map(int, bytes(members[RATE]).split())
        samples = torch.from_numpy(np.frombuffer(members[WAVE], np.float32).reshape(channels, -1).copy())
    else:
        kind = next(kind for kind in ("wav", "flac") if kind in members)
        sound: Any = decode_member(kind, members[kind])
        samples, rate = sound
    if PART in members:
        first, stop = (round(float(place) * rate) for place in bytes(members[PART]).split())
        samples = samples[:, first:stop]
    if not samples.numel():
        raise DecodeError("The recording holds no sound: record it anew, or leave the file out.")
    return samples, rate
