"""The result of a test, in files that one wants to open."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple, Protocol, cast, runtime_checkable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.callbacks.durable_text import replace_text
from affectkit.callbacks.prediction import AffectPrediction
from affectkit.callbacks.value_names import value_names
from affectkit.data.batch import AffectBatch
from affectkit.distributed import all_gather_rows
from affectkit.labels import LabelSpace
from affectkit.types import IGNORE_LABEL


@runtime_checkable
class ReportsFacts(Protocol):
    """A task that says what belongs beside its results."""

    label_space: LabelSpace | None

    def report_facts(self) -> dict[str, str | int | float]:
        """Facts by name."""
        ...


@runtime_checkable
class SeparatesSources(Protocol):
    """A task whose data sets have labels of their own, so that each gets files of its own."""

    @property
    def source_spaces(self) -> Mapping[str, LabelSpace | None]:
        """Label order of each data set; None where it has no labels."""
        ...

    @property
    def source_axes(self) -> Mapping[str, Sequence[str]]:
        """Names of the values of each data set; none where it has no values."""
        ...

    def source_protocols(self) -> Mapping[str, str]:
        """What each metric of each data set counts, by ``DATASET/METRIC``."""
        ...


@runtime_checkable
class NamesProtocol(Protocol):
    """A metric that says by what protocol it counts."""

    @property
    def protocol(self) -> str:
        """Full name, e.g. ``f1[weighted]``."""
        ...


class ResultsWriter(Callback):
    """Writes what a test found, and what a prediction said, into the run's folder.

    After a test, ``metrics.json`` holds the test's metrics, with full precision, and the facts that
    belong beside them. ``confusion.json`` holds the counts, rows = truth, and the labels.
    ``predictions.csv`` has a row for each sample or utterance, in the order of the store, with the
    probability ``p_LABEL`` of each label and each predicted value ``dim_AXIS``; where the fusion shares out
    what counts, also the speaker and ``share_MODALITY``. All ranks' rows are
    gathered, so the files are the same for any number of ranks; each file is whole or absent. After a
    prediction, ``predicted.csv`` holds the same rows of the split that was predicted, which needs no
    labels. Where a row may have several labels, each has a probability of its own, those above one half
    are the prediction, and there is no ``confusion.json``. A task whose data sets have labels of their own
    gets ``confusion.DATASET.json``, ``predictions.DATASET.csv`` and ``predicted.DATASET.csv``. It reads the
    :class:`~affectkit.callbacks.AffectPrediction` that ``predict_step`` returns, and ``test_step``
    under ``"prediction"``.

    Args:
        folder: Folder of the run; the trainer's unless given.
    """

    METRICS = "metrics.json"
    CONFUSION = "confusion.json"
    PREDICTIONS = "predictions.csv"
    PREDICTED = "predicted.csv"

    def __init__(self, folder: str | Path | None = None) -> None:
        super().__init__()
        self.folder = None if folder is None else Path(folder)
        # by data set, "" where these are not told apart
        self._rows: dict[str, list[_Rows]] = {}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin without rows."""
        self._rows = {}

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Tensor | Mapping[str, object] | None,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the rows of a batch."""
        self._keep(outputs.get("prediction") if isinstance(outputs, Mapping) else None, pl_module, batch)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather what all ranks saw and write the files."""
        facts = pl_module.report_facts() if isinstance(pl_module, ReportsFacts) else {}
        folder = self._folder(trainer)
        tables = self._gathered(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        # JSON has no NaN; a metric without any row is null.
        scores = {name: value if math.isfinite(value) else None for name, value in sorted(values.items())}
        protocols = {f"test/{name}": text for name, text in _protocols(pl_module).items()}
        replace_text(folder / self.METRICS, _json({"metrics": scores, "protocols": protocols, **facts}))
        for source, (rows, labels, axes, several) in tables.items():
            if labels and not several:
                counts = rows.confusion(len(labels))
                confusion = _json({"labels": labels, "rows": "truth", "counts": counts})
                replace_text(folder / _of_source(self.CONFUSION, source), confusion)
            table = rows.table(labels, axes, several=several)
            replace_text(folder / _of_source(self.PREDICTIONS, source), table)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin without rows."""
        self._rows = {}

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the rows of a batch."""
        self._keep(outputs, pl_module, batch)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather what all ranks predicted and write the file."""
        folder = self._folder(trainer)
        tables = self._gathered(trainer, pl_module)
        if trainer.is_global_zero:
            for source, (rows, labels, axes, several) in tables.items():
                table = rows.table(labels, axes, several=several)
                replace_text(folder / _of_source(self.PREDICTED, source), table)

    def _folder(self, trainer: Trainer) -> Path:
        # Asking the trainer is collective, so every rank does.
        return self.folder or Path(trainer.log_dir or trainer.default_root_dir)

    def _keep(self, found: object, pl_module: LightningModule, batch: object) -> None:
        if not isinstance(found, AffectPrediction) or (found.logits is None and found.dims is None):
            return
        source = ""
        if isinstance(pl_module, SeparatesSources) and isinstance(batch, AffectBatch):
            source = str(batch.meta.get("source", ""))
        self._rows.setdefault(source, []).append(_Rows.of(found))

    def _gathered(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, _Table]:
        """Rows of all ranks in the order of the store, where there are any, with names of what they hold."""
        spaces: dict[str, LabelSpace | None] = {}
        if isinstance(pl_module, SeparatesSources):
            spaces = dict(pl_module.source_spaces)
        spaces[""] = pl_module.label_space if isinstance(pl_module, ReportsFacts) else None
        found: dict[str, _Table] = {}
        # Each exchange is collective: every rank goes through the same names, with or without rows.
        for source in sorted(spaces):
            space = spaces[source]
            rows = _Rows.joined(self._rows.get(source, []), classes=0 if space is None else len(space))
            rows = rows.gathered(pl_module.device)
            classes, values = rows.logits.shape[1], rows.dims.shape[1]
            names: Iterable[str] = space if space and classes else map(str, range(classes))
            if len(rows.keys):
                axes = value_names(trainer, pl_module, count=values)
                if source and isinstance(pl_module, SeparatesSources):
                    axes = list(pl_module.source_axes[source])
                several = space is not None and space.kind == "multilabel"
                found[source] = _Table(rows.sorted(), list(names), axes, several)
        return found


class _Table(NamedTuple):
    """Rows, the names of their labels and those of their values; whether a row may have several labels."""

    rows: _Rows
    labels: list[str]
    axes: list[str]
    several: bool


class _Rows:
    """One row for each sample or utterance, as tensors, so that ranks can exchange them."""

    def __init__(
        self,
        keys: Tensor,
        place: Tensor,
        target: Tensor,
        logits: Tensor,
        dims: Tensor,
        speaker: Tensor,
        shares: Tensor,
        *,
        modalities: Sequence[str] = (),
    ) -> None:
        self.keys = keys  # (n, K) uint8, UTF-8 and zeros
        self.place = place  # (n, 2) int64: position in the store, utterance
        self.target = target  # (n,) int64
        self.logits = logits  # (n, C) float32; C is 0 where no labels are predicted
        self.dims = dims  # (n, V) float32; V is 0 where no values are
        self.speaker = speaker  # (n,) int64, -1 where unknown
        self.shares = shares  # (n, M) float32; M is 0 where no fusion shares anything out
        self.modalities = modalities  # M names

    @classmethod
    def of(cls, prediction: AffectPrediction) -> _Rows:
        scores = cast(Tensor, prediction.dims if prediction.logits is None else prediction.logits)
        conversation = scores.ndim == 3
        valid = prediction.valid if conversation else prediction.valid.unsqueeze(1)
        nothing = scores.new_zeros(*scores.shape[:-1], 0)
        logits, dims = (
            part if conversation else part.unsqueeze(1)
            for part in (
                nothing if found is None else found for found in (prediction.logits, prediction.dims)
            )
        )
        target = prediction.target
        if target is None:
            target = torch.full(valid.shape, IGNORE_LABEL)
        speaker = prediction.speaker
        if speaker is None or speaker.numel() != valid.numel():
            speaker = torch.full(valid.shape, -1)
        given = dict(sorted((prediction.shares or {}).items()))
        shares = [share.reshape(valid.shape) for share in given.values()]
        sample, utterance = valid.nonzero(as_tuple=True)
        encoded = [key.encode() for key in prediction.keys]
        width = max((len(key) for key in encoded), default=0)
        keys = torch.tensor([list(key.ljust(width, b"\0")) for key in encoded], dtype=torch.uint8)
        return cls(
            keys.reshape(len(encoded), width)[sample],
            torch.stack([prediction.positions[sample], utterance], dim=1),
            target.reshape(valid.shape)[sample, utterance],
            logits[sample, utterance],
            dims[sample, utterance],
            speaker.reshape(valid.shape)[sample, utterance],
            torch.stack([*shares, scores.new_zeros(valid.shape)], dim=-1)[sample, utterance, : len(shares)],
            modalities=list(given),
        )

    @classmethod
    def joined(cls, parts: list[_Rows], *, classes: int) -> _Rows:
        if not parts:
            return cls(
                torch.zeros(0, 0, dtype=torch.uint8),
                torch.zeros(0, 2, dtype=torch.int64),
                torch.zeros(0, dtype=torch.int64),
                torch.zeros(0, classes),
                torch.zeros(0, 0),
                torch.zeros(0, dtype=torch.int64),
                torch.zeros(0, 0),
            )
        width = max(part.keys.shape[1] for part in parts)
        return cls(
            torch.cat([_widened(part.keys, width) for part in parts]),
            torch.cat([part.place for part in parts]),
            torch.cat([part.target for part in parts]),
            torch.cat([part.logits for part in parts]),
            torch.cat([part.dims for part in parts]),
            torch.cat([part.speaker for part in parts]),
            torch.cat([part.shares for part in parts]),
            modalities=parts[0].modalities,
        )

    def gathered(self, device: torch.device) -> _Rows:
        # Ranks may hold keys of other lengths: agree on the longest before rows are exchanged.
        width = int(all_gather_rows(torch.tensor([self.keys.shape[1]], device=device)).max())
        parts = (_widened(self.keys, width), *self._tensors()[1:])
        return _Rows(*(all_gather_rows(part.to(device)).cpu() for part in parts), modalities=self.modalities)

    def sorted(self) -> _Rows:
        names = self.names()
        places = self.place.tolist()
        order = torch.tensor(
            sorted(range(len(names)), key=lambda row: (places[row][0], names[row], places[row][1]))
        )
        return _Rows(*(part[order] for part in self._tensors()), modalities=self.modalities)

    def _tensors(self) -> tuple[Tensor, ...]:
        """What has a row for each sample or utterance, in the order of the constructor."""
        return (self.keys, self.place, self.target, self.logits, self.dims, self.speaker, self.shares)

    def names(self) -> list[str]:
        return [bytes(row).rstrip(b"\0").decode() for row in self.keys.tolist()]

    def confusion(self, classes: int) -> list[list[int]]:
        known = self.target != IGNORE_LABEL
        flat = self.target[known] * classes + self.logits[known].argmax(dim=1)
        counts: list[list[int]] = (
            torch.bincount(flat, minlength=classes**2).reshape(classes, classes).tolist()
        )
        return counts

    def table(self, labels: list[str], axes: list[str], *, several: bool) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [*(f"p_{label}" for label in labels), *(f"dim_{axis}" for axis in axes)]
        heard = ["speaker", *(f"share_{name}" for name in self.modalities)] if self.modalities else []
        writer.writerow(["key", "utterance", "target", "prediction", *columns, *heard])
        logits = self.logits.double()
        chances = logits.sigmoid() if several else logits.softmax(dim=1)
        numbers = torch.cat([chances, self.dims.double()], dim=1).tolist()
        said = self._said(labels, several=several)
        for name, (_, utterance), target, guess, row, who, shares in zip(
            self.names(),
            self.place.tolist(),
            self.target.tolist(),
            said,
            numbers,
            self.speaker.tolist(),
            self.shares.tolist(),
            strict=True,
        ):
            truth = "" if target == IGNORE_LABEL or not labels else labels[target]
            cells = [f"{number:.6f}" for number in row]
            if heard:
                cells += ["" if who < 0 else who, *(f"{share:.6f}" for share in shares)]
            writer.writerow([name, utterance, truth, guess, *cells])
        return text.getvalue()

    def _said(self, labels: list[str], *, several: bool) -> list[str]:
        """The label of each row; of several, those that are more likely than not."""
        if several:
            return ["; ".join(compress(labels, row)) for row in (self.logits > 0).tolist()]
        if not labels:
            return [""] * len(self.logits)
        return [labels[index] for index in self.logits.argmax(dim=1).tolist()]


def _of_source(name: str, source: str) -> str:
    """``name.csv`` of a data set: ``name.SOURCE.csv``."""
    path = Path(name)
    return f"{path.stem}.{source}{path.suffix}" if source else name


def _protocols(module: LightningModule) -> dict[str, str]:
    """What each metric of the test counts, in full, e.g. ``uar[present]``."""
    if isinstance(module, SeparatesSources):
        return dict(module.source_protocols())
    metrics: object = getattr(module, "test_metrics", None)
    if not isinstance(metrics, MetricCollection):
        return {}
    found = metrics.items(keep_base=True, copy_state=False)
    return {name: metric.protocol for name, metric in found if isinstance(metric, NamesProtocol)}


def _widened(keys: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(keys, (0, width - keys.shape[1]))


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
