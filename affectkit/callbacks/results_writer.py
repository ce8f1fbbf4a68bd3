"""The result of a test, in files that one wants to open."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.callbacks.durable_text import replace_text
from affectkit.callbacks.prediction import AffectPrediction
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
    probability of each label. All ranks' rows are gathered, so the files are the same for any number of
    ranks; each file is whole or absent. After a prediction, ``predicted.csv`` holds the same rows of
    the split that was predicted, which needs no labels. It reads the
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
        self._rows: list[_Rows] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin without rows."""
        self._rows = []

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
        found = outputs.get("prediction") if isinstance(outputs, Mapping) else None
        if isinstance(found, AffectPrediction) and found.logits is not None:
            self._rows.append(_Rows.of(found))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather what all ranks saw and write the files."""
        facts = pl_module.report_facts() if isinstance(pl_module, ReportsFacts) else {}
        folder = self._folder(trainer)
        rows, labels = self._gathered(pl_module)
        if not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        # JSON has no NaN; a metric without any row is null.
        scores = {name: value if math.isfinite(value) else None for name, value in sorted(values.items())}
        protocols = {f"test/{name}": text for name, text in _protocols(pl_module).items()}
        replace_text(folder / self.METRICS, _json({"metrics": scores, "protocols": protocols, **facts}))
        if len(rows.keys):
            counts = rows.confusion(len(labels))
            replace_text(
                folder / self.CONFUSION, _json({"labels": labels, "rows": "truth", "counts": counts})
            )
            replace_text(folder / self.PREDICTIONS, rows.table(labels))

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin without rows."""
        self._rows = []

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
        if isinstance(outputs, AffectPrediction) and outputs.logits is not None:
            self._rows.append(_Rows.of(outputs))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather what all ranks predicted and write the file."""
        folder = self._folder(trainer)
        rows, labels = self._gathered(pl_module)
        if trainer.is_global_zero and len(rows.keys):
            replace_text(folder / self.PREDICTED, rows.table(labels))

    def _folder(self, trainer: Trainer) -> Path:
        # Asking the trainer is collective, so every rank does.
        return self.folder or Path(trainer.log_dir or trainer.default_root_dir)

    def _gathered(self, pl_module: LightningModule) -> tuple[_Rows, list[str]]:
        """Rows of all ranks in the order of the store, and the names of their labels."""
        space = pl_module.label_space if isinstance(pl_module, ReportsFacts) else None
        classes = len(space) if space is not None else 0
        rows = _Rows.joined(self._rows, classes=classes).gathered(pl_module.device)
        names: Iterable[str] = space or (str(index) for index in range(rows.logits.shape[1]))
        labels = list(names)
        return (rows.sorted() if len(rows.keys) else rows), labels


class _Rows:
    """One row for each sample or utterance, as tensors, so that ranks can exchange them."""

    def __init__(self, keys: Tensor, place: Tensor, target: Tensor, logits: Tensor) -> None:
        self.keys = keys  # (n, K) uint8, UTF-8 and zeros
        self.place = place  # (n, 2) int64: position in the store, utterance
        self.target = target  # (n,) int64
        self.logits = logits  # (n, C) float32

    @classmethod
    def of(cls, prediction: AffectPrediction) -> _Rows:
        logits = cast(Tensor, prediction.logits)
        conversation = logits.ndim == 3
        valid = prediction.valid if conversation else prediction.valid.unsqueeze(1)
        logits = logits if conversation else logits.unsqueeze(1)
        target = prediction.target
        if target is None:
            target = torch.full(valid.shape, IGNORE_LABEL)
        sample, utterance = valid.nonzero(as_tuple=True)
        encoded = [key.encode() for key in prediction.keys]
        width = max((len(key) for key in encoded), default=0)
        keys = torch.tensor([list(key.ljust(width, b"\0")) for key in encoded], dtype=torch.uint8)
        return cls(
            keys.reshape(len(encoded), width)[sample],
            torch.stack([prediction.positions[sample], utterance], dim=1),
            target.reshape(valid.shape)[sample, utterance],
            logits[sample, utterance],
        )

    @classmethod
    def joined(cls, parts: list[_Rows], *, classes: int) -> _Rows:
        if not parts:
            return cls(
                torch.zeros(0, 0, dtype=torch.uint8),
                torch.zeros(0, 2, dtype=torch.int64),
                torch.zeros(0, dtype=torch.int64),
                torch.zeros(0, classes),
            )
        width = max(part.keys.shape[1] for part in parts)
        return cls(
            torch.cat([_widened(part.keys, width) for part in parts]),
            torch.cat([part.place for part in parts]),
            torch.cat([part.target for part in parts]),
            torch.cat([part.logits for part in parts]),
        )

    def gathered(self, device: torch.device) -> _Rows:
        # Ranks may hold keys of other lengths: agree on the longest before rows are exchanged.
        width = int(all_gather_rows(torch.tensor([self.keys.shape[1]], device=device)).max())
        parts = (_widened(self.keys, width), self.place, self.target, self.logits)
        keys, place, target, logits = (all_gather_rows(part.to(device)).cpu() for part in parts)
        return _Rows(keys, place, target, logits)

    def sorted(self) -> _Rows:
        names = self.names()
        places = self.place.tolist()
        order = torch.tensor(
            sorted(range(len(names)), key=lambda row: (places[row][0], names[row], places[row][1]))
        )
        return _Rows(self.keys[order], self.place[order], self.target[order], self.logits[order])

    def names(self) -> list[str]:
        return [bytes(row).rstrip(b"\0").decode() for row in self.keys.tolist()]

    def confusion(self, classes: int) -> list[list[int]]:
        known = self.target != IGNORE_LABEL
        flat = self.target[known] * classes + self.logits[known].argmax(dim=1)
        counts: list[list[int]] = (
            torch.bincount(flat, minlength=classes**2).reshape(classes, classes).tolist()
        )
        return counts

    def table(self, labels: list[str]) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["key", "utterance", "target", "prediction", *(f"p_{label}" for label in labels)])
        chances = self.logits.double().softmax(dim=1).tolist()
        best = self.logits.argmax(dim=1).tolist()
        for name, (_, utterance), target, index, row in zip(
            self.names(), self.place.tolist(), self.target.tolist(), best, chances
        ):
            truth = "" if target == IGNORE_LABEL else labels[target]
            writer.writerow([name, utterance, truth, labels[index], *(f"{chance:.6f}" for chance in row)])
        return text.getvalue()


def _protocols(module: LightningModule) -> dict[str, str]:
    """What each metric of the test counts, in full, e.g. ``uar[present]``."""
    metrics: object = getattr(module, "test_metrics", None)
    if not isinstance(metrics, MetricCollection):
        return {}
    found = metrics.items(keep_base=True, copy_state=False)
    return {name: metric.protocol for name, metric in found if isinstance(metric, NamesProtocol)}


def _widened(keys: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(keys, (0, width - keys.shape[1]))


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
