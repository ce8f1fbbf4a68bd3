"""A trained task over pictures as they lie about: files, arrays, samples of shards."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.data.loader import ItemTarget, PictureSample, PictureView
from affectkit.data.schema import ShardError
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS
from affectkit.labels import LabelSpace
from affectkit.predict.pictures.error import PredictError
from affectkit.predict.pictures.picture_item import PictureItem, picture_item
from affectkit.predict.pictures.prediction import PicturePrediction
from affectkit.predict.pictures.trained_task import load_trained
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput


class PicturePredictor:
    r"""Predicts for pictures as the evaluation of the training would.

    Pictures go through the reader, the collation and the normalisation of the data module that the
    task was trained with, so that a picture in shards and the same picture in a file give the same
    logits, bit for bit, for the same ``batch_size`` on the same device. The last batch is filled up
    as that of an evaluation is: what is predicted for a picture does not depend on how many follow.

    Args:
        task: The task; it is put into evaluation and moved to ``device``.
        view: How a picture is shown to it, e.g. ``ImageDataModule(...).picture_view``.
        batch_size: Pictures that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If the task reads no input that pictures give, or allows several labels.

    Examples:
        >>> import numpy as np
        >>> from affectkit.tasks import PromptTuningTask
        >>> predictor = PicturePredictor(PromptTuningTask("meld7.official"), PictureView(32), batch_size=1)
        >>> (row,) = predictor.predict([np.zeros((40, 60, 3), dtype=np.uint8)])
        >>> row.path, row.region, list(row.probabilities)[:2]
        ('array', 'whole frame', ['neutral', 'surprise'])
    """

    def __init__(
        self,
        task: AffectTask,
        view: PictureView,
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        if batch_size < 1:
            raise PredictError(f"The batch_size is {batch_size}: give at least 1.")
        if not set(view.inputs) & set(task.encoders):
            raise PredictError(
                f"{type(task).__name__} reads {', '.join(task.encoders)}, and pictures give "
                f"{', '.join(view.inputs)}: use a task that was trained on pictures."
            )
        if task.label_space is not None and task.label_space.kind == "multilabel":
            raise PredictError(
                f"The labels of {task.label_space.name!r} may hold together, and a row has one label: use "
                "a task with one label a picture, or call the task itself."
            )
        gpu = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(gpu if device is None else device)
        self.task = task.eval().to(self.device)
        self.view = view
        self.batch_size = batch_size
        self.identity = identity
        self._decode = view.decoder()
        self._collate = view.collate(ItemTarget(label_table=None))
        self._normalize: NormalizePixels | None = None
        if view.normalization is not None:
            self._normalize = NormalizePixels(*NORMALIZATIONS[view.normalization]).to(self.device)

    @classmethod
    def from_checkpoint(
        cls,
        model: str | os.PathLike[str],
        *,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        task: type[AffectTask] | None = None,
        **changes: object,
    ) -> Self:
        """Load a task with the view of pictures and the label space that its checkpoint holds.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            batch_size: Pictures that run through the model together.
            device: Where; None takes a GPU if there is one.
            task: Class of the task, where it is one of your own.
            changes: Constructor arguments of the task: parts that it had been given, or values to
                change, e.g. ``base_weights``.

        Raises:
            PredictError: If there is no checkpoint, or not one of a task that reads pictures.
        """
        trained = load_trained(model, task=task, **changes)
        return cls(trained.task, trained.view, batch_size=batch_size, device=device, identity=trained.digest)

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the probabilities; None where the task predicts values alone."""
        return self.task.label_space

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the predicted values that the task states; others are numbered."""
        named: object = getattr(self.task, "axes", None) or self.task.hparams.get("axes")
        return tuple(str(name) for name in named) if isinstance(named, (list, tuple)) else ()

    def predict(
        self, pictures: Iterable[str | os.PathLike[str] | NDArray[np.uint8] | Tensor | PictureItem]
    ) -> Iterator[PicturePrediction]:
        """Predict for each picture in turn; one that cannot be read gets a row with its error.

        While one batch runs through the model, the next one is read.

        Args:
            pictures: Paths, uint8 pixels of shape (H, W, 3), or what :func:`find_pictures` found.

        Raises:
            PredictError: If an array is no picture.
        """
        items = enumerate(map(picture_item, pictures))
        ahead: deque[Future[_Chunk]] = deque()
        with ThreadPoolExecutor(max_workers=1) as reader:
            while chunk := list(islice(items, self.batch_size)):
                ahead.append(reader.submit(self._read, chunk))
                if len(ahead) > 1:
                    yield from self._rows(ahead.popleft().result())
            while ahead:
                yield from self._rows(ahead.popleft().result())

    def _read(self, numbered: Sequence[tuple[int, PictureItem]]) -> _Chunk:
        samples: dict[int, PictureSample] = {}
        errors: dict[int, str] = {}
        for row, (_, item) in enumerate(numbered):
            try:
                samples[row] = self._decode(item.read())
            except ShardError as error:
                errors[row] = str(error)
            except OSError as error:
                errors[row] = (
                    f"The file cannot be read ({error.strerror or error}): correct its path or rights."
                )
        while samples:
            rows = sorted(samples)
            fill = self.batch_size - len(rows)
            try:
                batch = self._joined([samples[row] for row in [*rows, *[rows[-1]] * fill]], valid=len(rows))
            except ShardError:
                # Pixels are decoded when a batch is joined. Alone, each shows whether it was the one.
                damaged = {row: why for row in rows if (why := self._damage(samples[row])) is not None}
                if not damaged:
                    raise
                errors |= damaged
                samples = {row: sample for row, sample in samples.items() if row not in damaged}
            else:
                return _Chunk(numbered, errors, batch)
        return _Chunk(numbered, errors, None)

    def _joined(self, samples: Sequence[PictureSample], *, valid: int) -> AffectBatch:
        return self._collate(
            samples,
            keys=["picture"] * len(samples),
            positions=range(len(samples)),
            valid=[row < valid for row in range(len(samples))],
        )

    def _damage(self, sample: PictureSample) -> str | None:
        try:
            self._joined([sample], valid=1)
        except ShardError as error:
            return str(error).removeprefix("Sample 'picture': ")
        return None

    def _rows(self, chunk: _Chunk) -> Iterator[PicturePrediction]:
        found = None if chunk.batch is None else self._answers(chunk.batch)
        labels = () if found is None else self._labels(found)
        space = self.task.label_space
        several = space is not None and space.kind == "multilabel"
        done = 0
        for row, (position, item) in enumerate(chunk.items):
            error = chunk.errors.get(row)
            if error is not None or found is None:
                yield PicturePrediction(position, item.path, item.region, None, {}, (), {}, error)
                continue
            logits: list[float] = [] if found.logits is None else found.logits[done].tolist()
            values: list[float] = [] if found.dims is None else found.dims[done].tolist()
            scores = torch.tensor(logits, dtype=torch.float64)
            chances: list[float] = (scores.sigmoid() if several else scores.softmax(dim=0)).tolist()
            best = None if found.label is None else int(found.label[done])
            named = [*self.axes, *(f"value{index}" for index in range(len(self.axes), len(values)))]
            yield PicturePrediction(
                position,
                item.path,
                item.region,
                label=None if best is None else labels[best],
                probabilities=dict(zip(labels, chances, strict=True)),
                logits=tuple(logits),
                dims=dict(zip(named, values, strict=False)),
                error=None,
            )
            done += 1

    def _answers(self, batch: AffectBatch) -> AffectPrediction:
        batch = batch.to(self.device)
        if self._normalize is not None:
            batch.inputs = {name: self._normalize(pixels) for name, pixels in batch.inputs.items()}
        with torch.inference_mode():
            output: AffectOutput = self.task(batch)
            found = self.task.prediction(batch, output)
        for name, values in (("logits", found.logits), ("values", found.dims)):
            if values is not None and values.ndim != 2:
                raise PredictError(
                    f"{type(self.task).__name__} gave {name} of shape {tuple(values.shape)} for pictures: "
                    "use a task that gives one row a picture."
                )
        return found

    def _labels(self, found: AffectPrediction) -> tuple[str, ...]:
        if found.logits is None:
            return ()
        space = self.label_space
        return tuple(str(index) for index in range(found.logits.shape[1])) if space is None else space.labels


class _Chunk(NamedTuple):
    """A batch with the pictures it was made of and the rows of those that are not in it."""

    items: Sequence[tuple[int, PictureItem]]
    errors: dict[int, str]
    batch: AffectBatch | None
