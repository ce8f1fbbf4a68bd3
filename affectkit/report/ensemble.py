"""The mean of what several runs predict, as a run folder of its own."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
import yaml
from torch import Tensor

from affectkit.atomic_file import write_atomically
from affectkit.callbacks import ResultsWriter
from affectkit.functional import confusion_counts, predictive_uncertainty
from affectkit.metrics import classification_metrics
from affectkit.types import IGNORE_LABEL

_PREFIX: Final = "p_"
_ROUNDING: Final = 5e-7


class EnsembleError(ValueError):
    """The predictions of several runs cannot be averaged."""


class EnsembleMember(NamedTuple):
    """What one run predicted.

    Attributes:
        folder: Run folder.
        rows: Key, utterance and true label of each row, as the file has them.
        labels: Label order.
        probabilities: (N, C) float64.
    """

    folder: Path
    rows: list[tuple[str, str, str]]
    labels: list[str]
    probabilities: Tensor


class Ensemble(NamedTuple):
    """The mean of the predictions of several runs.

    Attributes:
        members: The runs.
        probabilities: (N, C), their mean.
        entropy: (N,), entropy of the mean in nats.
        information: (N,), what of it is disagreement between runs.
        target: (N,) int64, -100 where unknown.
    """

    members: Sequence[EnsembleMember]
    probabilities: Tensor
    entropy: Tensor
    information: Tensor
    target: Tensor

    def write(self, folder: str | os.PathLike[str], *, command: str = "") -> Path:
        """Write what a test writes, so that `affectkit report` reads the ensemble as a run.

        Args:
            folder: A new folder, or that of an ensemble.
            command: What made it.

        Raises:
            EnsembleError: If the folder holds something else.
        """
        place = Path(folder)
        if place.exists() and not _is_ensemble(place):
            raise EnsembleError(
                f"{place} exists and is no ensemble, so it is left alone: give another folder."
            )
        place.mkdir(parents=True, exist_ok=True)
        labels, known = self.members[0].labels, self.target != IGNORE_LABEL
        config = {"ensemble": [str(one.folder) for one in self.members], "data": _shared_data(self.members)}
        _write(place / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        if command:
            _write(place / "commands.txt", command + "\n")
        counts = confusion_counts(
            self.probabilities[known].argmax(-1), self.target[known], num_classes=len(labels)
        )
        confusion = {"labels": labels, "rows": "truth", "counts": counts.long().tolist()}
        _write(place / ResultsWriter.CONFUSION, _json(confusion))
        _write(place / ResultsWriter.METRICS, _json({**self._scores(), "members": len(self.members)}))
        _write(place / ResultsWriter.PREDICTIONS, self._table())
        return place

    def _scores(self) -> dict[str, object]:
        metrics = classification_metrics(len(self.members[0].labels))
        metrics.update(self.probabilities, self.target)
        found: Mapping[str, Tensor] = metrics.compute()
        return {
            "metrics": {f"test/{name}": value.item() for name, value in found.items()},
            "protocols": {f"test/{name}": str(getattr(one, "protocol", "")) for name, one in metrics.items()},
        }

    def _table(self) -> str:
        labels = self.members[0].labels
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = [*(f"{_PREFIX}{label}" for label in labels), "entropy", "information"]
        writer.writerow(["key", "utterance", "target", "prediction", *names])
        numbers = torch.cat([self.probabilities, self.entropy[:, None], self.information[:, None]], 1)
        for row, said, values in zip(
            self.members[0].rows, self.probabilities.argmax(-1).tolist(), numbers.tolist(), strict=True
        ):
            writer.writerow([*row, labels[said], *(f"{value:.6f}" for value in values)])
        return text.getvalue()


def ensemble_runs(folders: Sequence[str | os.PathLike[str]]) -> Ensemble:
    """Average the test probabilities of several runs over the same rows.

    Args:
        folders: Run folders, tested on the same split of the same data.

    Raises:
        EnsembleError: If there are fewer than two, or their rows or labels differ.

    References:
        Lakshminarayanan, Pritzel and Blundell, Simple and Scalable Predictive Uncertainty Estimation using
        Deep Ensembles, NeurIPS 2017, arXiv:1612.01474.
    """
    if len({Path(folder).resolve() for folder in folders}) < max(2, len(folders)):
        raise EnsembleError(f"{len(folders)} runs make no ensemble: give two or more different run folders.")
    members = [_read(Path(folder)) for folder in folders]
    first = members[0]
    for other in members[1:]:
        if other.labels != first.labels:
            raise EnsembleError(
                f"{first.folder} and {other.folder} have other labels or another order of them "
                f"({', '.join(first.labels)}; {', '.join(other.labels)}): give runs of one label space."
            )
        if other.rows != first.rows:
            raise EnsembleError(
                f"{first.folder} and {other.folder} were not tested on the same rows "
                f"({_difference(first, other)}): test both on the same data."
            )
    place = {label: number for number, label in enumerate(first.labels)}
    found = predictive_uncertainty(torch.stack([one.probabilities for one in members]))
    target = torch.tensor([place[row[2]] if row[2] else IGNORE_LABEL for row in first.rows])
    return Ensemble(members, *found, target)


def _read(folder: Path) -> EnsembleMember:
    path = folder / ResultsWriter.PREDICTIONS
    if not path.is_file():
        raise EnsembleError(f"{folder} has no {path.name}: test the run first, with `affectkit test`.")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = [name for name in reader.fieldnames or () if name.startswith(_PREFIX)]
        table = list(reader)
    rows = [(row["key"], row["utterance"], row["target"]) for row in table]
    labels = [name.removeprefix(_PREFIX) for name in columns]
    values = torch.tensor([[float(row[name]) for name in columns] for row in table], dtype=torch.float64)
    values = values.reshape(len(table), len(columns))
    total = values.sum(-1, keepdim=True)
    if not len(table) or not bool(((total - 1).abs() <= _ROUNDING * (len(labels) + 1)).all()):
        raise EnsembleError(
            f"{path} has no probabilities of one label of several: give runs of a classifier."
        )
    unknown = sorted({row[2] for row in rows} - {*labels, ""})
    if unknown:
        raise EnsembleError(
            f"{path} has the true labels {', '.join(unknown)} without a probability: test anew."
        )
    # The file's rounding is taken out, or the mean of many runs would sum to less than one.
    return EnsembleMember(folder, rows, labels, values / total)


def _difference(one: EnsembleMember, other: EnsembleMember) -> str:
    for left, right in zip(one.rows, other.rows, strict=False):
        if left != right:
            return f"{left[0]!r} {left[1]} {left[2]} against {right[0]!r} {right[1]} {right[2]}"
    return f"{len(one.rows)} against {len(other.rows)}"


def _shared_data(members: Sequence[EnsembleMember]) -> dict[str, object]:
    """What all members state alike of their data, so that a report finds the samples."""
    stated: list[Mapping[str, object]] = []
    for one in members:
        path = one.folder / "config.yaml"
        config: object = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
        data: object = config.get("data") if isinstance(config, Mapping) else None
        values: object = data.get("init_args") if isinstance(data, Mapping) else None
        stated.append(values if isinstance(values, Mapping) else {})
    first = stated[0]
    return {
        "init_args": {name: first[name] for name in first if all(first[name] == d.get(name) for d in stated)}
    }


def _is_ensemble(folder: Path) -> bool:
    path = folder / "config.yaml"
    config: object = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return isinstance(config, Mapping) and "ensemble" in config


def _write(path: Path, text: str) -> None:
    write_atomically(path, text.encode("utf-8"))


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
