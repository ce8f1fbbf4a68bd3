"""Items to rows, in batches that are read while others run through the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from affectkit.calibration import StoredScaling
from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.data.collate import Collate
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.data.loader import Decode
from affectkit.data.schema import ShardError
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, NormalizationName
from affectkit.labels import LabelSpace
from affectkit.predict.answers import Answers
from affectkit.predict.error import PredictError
from affectkit.predict.item import DIGEST, REGION, PredictItem
from affectkit.predict.prediction import Prediction

SampleT = TypeVar("SampleT")
#: What a sample is called while it is joined; an error of the collation begins with it.
_KEY = "item"


class BatchPredictor(Generic[SampleT]):
    r"""Runs items through the reading of a data module and through a model.

    The last batch is filled up as that of an evaluation is, by its last sample: what is predicted for
    an item does not depend on how many follow, and a whole set gives the logits of
    ``trainer.predict``, bit for bit, for the same ``batch_size`` on the same device.

    Args:
        model: The model.
        decode: Members to a sample, as the data module has it.
        collate: Samples to a batch.
        normalization: What pixels are brought to on the device; None leaves the batch as it is.
        batch_size: Items that run through the model together.
        device: Where; None takes a GPU if there is one.
        identity: Names the weights in what is written, e.g. a digest.

    Raises:
        PredictError: If ``batch_size`` is below 1.
    """

    #: Batches that are read at once; more than one only where ``decode`` keeps nothing between samples.
    readers = 1

    def __init__(
        self,
        model: Answers,
        *,
        decode: Decode[SampleT],
        collate: Collate[SampleT],
        normalization: NormalizationName | None = None,
        batch_size: int = 8,
        device: torch.device | str | None = None,
        identity: str = "",
    ) -> None:
        if batch_size < 1:
            raise PredictError(f"The batch_size is {batch_size}: give at least 1.")
        gpu = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(gpu if device is None else device)
        self.model = model.to(self.device)
        self.batch_size = batch_size
        self.identity = identity
        #: From which probability on a label holds, where labels may hold together.
        self.threshold = 0.5
        #: As which of several sources that the model was evaluated on files are read; None = as its only one.
        self.source: str | None = None
        self._scaling: StoredScaling | None = None
        self._opening = Lock()
        self._decode = decode
        self._collate = collate
        self._normalize: NormalizePixels | None = None
        if normalization is not None:
            self._normalize = NormalizePixels(*NORMALIZATIONS[normalization]).to(self.device)

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the probabilities; None where the model predicts values alone."""
        return self.model.label_space

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the predicted values that the model states; others are numbered."""
        return self.model.axes

    @property
    def manner(self) -> str:
        """How probabilities are made of the model's logits."""
        if self.label_space is None:
            made = "none, the model predicts values"
        else:
            made = f"sigmoid, labels from {self.threshold:g} on" if self.model.several else "softmax"
        made += "" if self._scaling is None else f" of logits scaled by {self._scaling.name}"
        return made if self.source is None else f"{made}, files read as those of source {self.source!r}"

    def use_scaling(self, stored: StoredScaling) -> None:
        """Scale the logits before they become probabilities; rows keep the logits as the model gave them.

        Args:
            stored: What ``affectkit calibrate`` fitted, see :func:`~affectkit.calibration.load_scaling`.

        Raises:
            PredictError: If it was fitted for other labels, or for labels of which one holds.
        """
        labels = () if self.label_space is None else self.label_space.labels
        if stored.labels != tuple(labels) or self.model.several:
            raise PredictError(
                f"The scaling {stored.path} was fitted for one label of {', '.join(stored.labels)}, and the "
                f"model has {', '.join(labels) or 'none'}: run `affectkit calibrate` again, or predict "
                "without it."
            )
        self._scaling = stored

    def rows(self, items: Iterable[PredictItem]) -> Iterator[Prediction]:
        """Predict for each item in turn; one that cannot be read gets a row with its error.

        While one batch runs through the model, the next ones are read.

        Args:
            items: The items; they are asked for as they are needed.

        Raises:
            PredictError: If the model does not give one row an item.
        """
        numbered = enumerate(items)
        ahead: deque[Future[Chunk]] = deque()
        with ThreadPoolExecutor(max_workers=self.readers) as pool:
            while chunk := list(islice(numbered, self.batch_size)):
                ahead.append(pool.submit(self._read, chunk))
                # As many that are done and wait as are being read: neither side stands still where the
                # other takes longer for once.
                if len(ahead) > 2 * self.readers:
                    yield from self._rows(ahead.popleft().result())
            while ahead:
                yield from self._rows(ahead.popleft().result())

    def _read(self, numbered: Sequence[tuple[int, PredictItem]]) -> Chunk:
        samples: dict[int, SampleT] = {}
        errors: dict[int, str] = {}
        digests: dict[int, str] = {}
        regions: dict[int, str] = {}
        opened: Iterable[dict[str, memoryview] | Exception] = (_opened(item) for _, item in numbered)
        if self.readers > 1:
            # Frames of one video come from one open file, in order: that is never done by two at once.
            with self._opening:
                opened = list(opened)
        for row, ((_, item), members) in enumerate(zip(numbered, opened, strict=True)):
            try:
                if isinstance(members, Exception):
                    raise members
                if REGION in members:
                    regions[row] = bytes(members.pop(REGION)).decode()
                stated = members.pop(DIGEST, None)
                digests[row] = item.digest(members) if stated is None else bytes(stated).decode()
                samples[row] = self._decode(members)
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
                # Some samples show only when they are joined that they are damaged; alone, each does.
                damaged = {row: why for row in rows if (why := self._damage(samples[row])) is not None}
                if not damaged:
                    raise
                errors |= damaged
                samples = {row: sample for row, sample in samples.items() if row not in damaged}
            else:
                return Chunk(numbered, errors, digests, regions, batch)
        return Chunk(numbered, errors, digests, regions, None)

    def _joined(self, samples: Sequence[SampleT], *, valid: int) -> AffectBatch:
        return self._collate(
            samples,
            keys=[_KEY] * len(samples),
            positions=range(len(samples)),
            valid=[row < valid for row in range(len(samples))],
        )

    def _damage(self, sample: SampleT) -> str | None:
        try:
            self._joined([sample], valid=1)
        except ShardError as error:
            return str(error).removeprefix(f"Sample {_KEY!r}: ").removeprefix(f"Utterance {_KEY!r}: ")
        return None

    def _rows(self, chunk: Chunk) -> Iterator[Prediction]:
        found = None if chunk.batch is None else self._answers(chunk.batch)
        # All rows at once: a small tensor for each would cost as much as a small model.
        answers = None if found is None else self._worded(found.logits, found.dims)
        done = 0
        for row, (position, item) in enumerate(chunk.items):
            bare = unanswered(item, position, error=chunk.errors.get(row), data=chunk.digests.get(row, ""))
            bare = bare._replace(region=chunk.regions.get(row, bare.region))
            if bare.error is not None or answers is None:
                yield bare
                continue
            yield bare._replace(**answers[done]) if answers else bare
            done += 1

    def _answered(self, bare: Prediction, logits: Tensor | None, dims: Tensor | None) -> Prediction:
        """A row with what was predicted: logits (C,) and values (V,)."""
        (answer,) = self._worded(
            None if logits is None else logits[None], None if dims is None else dims[None]
        ) or [{}]
        return bare._replace(**answer)

    def _worded(self, logits: Tensor | None, dims: Tensor | None) -> list[dict[str, Any]]:
        """What rows say of logits (N, C) and values (N, V), by the names of their fields; none of neither."""
        number = len(logits) if logits is not None else 0 if dims is None else len(dims)
        scores: list[list[float]] = [[]] * number if logits is None else logits.tolist()
        values: list[list[float]] = [[]] * number if dims is None else dims.tolist()
        scaled = torch.tensor(scores, dtype=torch.float64)
        known = scaled.numel() > 0
        if self._scaling is not None and known:
            with torch.inference_mode():
                scaled = self._scaling.scaling(scaled)
        several = self.model.several and known
        chances: list[list[float]] = (scaled.sigmoid() if several else scaled.softmax(dim=-1)).tolist()
        best: list[int] = scaled.argmax(dim=-1).tolist() if known else [0] * number
        space, axes = self.label_space, self.axes
        labels = [str(place) for place in range(scaled.shape[-1])] if space is None else space.labels
        width = max(map(len, values), default=0)
        named = [*axes, *(f"value{index}" for index in range(len(axes), width))]
        scaling = "" if self._scaling is None else self._scaling.name
        return [
            {
                "label": labels[best[row]] if known else None,
                "probabilities": dict(zip(labels, chances[row], strict=True)) if known else {},
                "logits": tuple(scores[row]),
                "dims": dict(zip(named, values[row], strict=False)),
                "labels": _held(labels, chances[row], self.threshold) if several else None,
                "scaling": scaling,
            }
            for row in range(number)
        ]

    def _answers(self, batch: AffectBatch) -> AffectPrediction:
        batch = batch.to(self.device)
        if self._normalize is not None:
            batch.inputs = {name: self._normalize(pixels) for name, pixels in batch.inputs.items()}
        found = self.model(batch)
        for name, values in (("logits", found.logits), ("values", found.dims)):
            if values is not None and values.ndim != 2:
                raise PredictError(
                    f"{self.model.name} gave {name} of shape {tuple(values.shape)}: use a model that gives "
                    "one row for each thing that is predicted."
                )
        return found


class Chunk(NamedTuple):
    """A batch with the items it was made of and the rows of those that are not in it."""

    items: Sequence[tuple[int, PredictItem]]
    errors: dict[int, str]
    digests: dict[int, str]
    regions: dict[int, str]
    batch: AffectBatch | None


def _opened(item: PredictItem) -> dict[str, memoryview] | Exception:
    try:
        return dict(item.read())
    except (ShardError, OSError) as error:
        return error


def _held(labels: Sequence[str], chances: Sequence[float], threshold: float) -> tuple[str, ...]:
    return tuple(name for name, chance in zip(labels, chances, strict=True) if chance >= threshold)


def unanswered(item: PredictItem, position: int, *, error: str | None, data: str) -> Prediction:
    """The row of an item before anything is predicted for it."""
    return Prediction(
        position,
        item.path,
        item.region,
        label=None,
        probabilities={},
        logits=(),
        dims={},
        error=error,
        part=item.part,
        start=item.start,
        stop=item.stop,
        text=item.text,
        data=data,
    )
