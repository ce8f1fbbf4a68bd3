"""Scores of one run under patterns of missing modalities."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.data.batch import AffectBatch
from affectkit.metrics import tell_present
from affectkit.report.robustness.conflict import ConflictCounts, ConflictReport
from affectkit.report.robustness.error import RobustnessError
from affectkit.report.robustness.missing_pattern import ANY, MissingPattern, missing_draws
from affectkit.report.robustness.trained_run import TrainedRun
from affectkit.tasks.data_agreement import DescribesData
from affectkit.types import AffectOutput

#: Scores by name.
Scores = dict[str, float]


class RobustnessRun(NamedTuple):
    """What was measured of one run.

    Attributes:
        name: Name of the run.
        modalities: What it reads.
        complete: Scores with nothing taken away.
        scores: Scores under each pattern.
        conflict: Where the modalities disagree; None where there is one modality, or no labels.
        samples: Number of samples.
        digest: Digest of their keys, which says whether two runs saw the same ones.
    """

    name: str
    modalities: tuple[str, ...]
    complete: Scores
    scores: dict[MissingPattern, Scores]
    conflict: ConflictReport | None
    samples: int
    digest: str


def measure_run(
    run: TrainedRun,
    *,
    rates: Sequence[float],
    seeds: int = 5,
    split: Literal["val", "test"] = "test",
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> RobustnessRun:
    """Evaluate a run with each modality, and with any of them, missing at each rate.

    Every batch is read once and evaluated under all patterns.

    Args:
        run: The run.
        rates: Missing rates, each in (0, 1]; 0 is measured anyhow, and once.
        seeds: Number of draws of each pattern.
        split: Split to evaluate.
        device: Where the model runs.
        progress: Called with (evaluations done, evaluations of all).

    Raises:
        RobustnessError: If a rate or the number of seeds is out of range, or the split has several loaders.
    """
    wrong = [rate for rate in rates if not 0 < rate <= 1]
    if wrong or not rates or seeds < 1:
        raise RobustnessError(
            f"rates={list(rates)} and seeds={seeds} cannot be measured: give rates above 0, up to 1, and at "
            "least one seed."
        )
    task = run.task.eval().to(device)
    names = sorted(task.encoders)
    kinds = [*names, ANY] if len(names) > 1 else names
    patterns = [
        MissingPattern(kind, rate, seed)
        for kind in kinds
        for rate in sorted(set(rates))
        for seed in range(seeds)
    ]
    loader = _loader(run, split)
    _tell_labels(run, split)
    metrics: dict[MissingPattern | None, MetricCollection] = {
        pattern: task.test_metrics.clone() for pattern in (None, *patterns)
    }
    counts = ConflictCounts(names) if len(names) > 1 else None
    done, total = 0, len(loader) * len(metrics)
    samples, digest = 0, hashlib.sha256()
    labelled = False
    with torch.inference_mode():
        for batch in loader:
            moved = _moved(run, batch, device)
            present = _present(moved, names)
            samples += int(moved.valid.sum())
            for key, real in zip(moved.keys, moved.valid.tolist(), strict=True):
                digest.update(f"{key}\0".encode("utf-8", "surrogateescape") if real else b"")
            whole = _evaluate(run, moved, present, metrics[None])
            labelled |= _count_conflicts(run, counts, moved, present, whole)
            done += 1
            drawn = [_draws(moved, present, seed=seed) for seed in range(seeds)]
            for pattern in patterns:
                _evaluate(run, moved, pattern.apply(present, drawn[pattern.seed]), metrics[pattern])
                done += 1
                if progress is not None:
                    progress(done, total)
    return RobustnessRun(
        name=run.name,
        modalities=tuple(names),
        complete=_scores(metrics[None]),
        scores={pattern: _scores(metrics[pattern]) for pattern in patterns},
        conflict=counts.compute() if counts is not None and labelled else None,
        samples=samples,
        digest=digest.hexdigest()[:12],
    )


def _tell_labels(run: TrainedRun, split: Literal["val", "test"]) -> None:
    """Say which labels the split has, as the task itself does under a trainer."""
    if isinstance(run.data, DescribesData) and run.data.label_space is not None:
        try:
            counts = run.data.class_counts(split)
        except ValueError:
            return  # the split has no labels: nothing is restricted
        tell_present(run.task.test_metrics, counts)


def _loader(run: TrainedRun, split: Literal["val", "test"]) -> Sequence[AffectBatch]:
    run.data.setup("test" if split == "test" else "validate")
    loader: object = run.data.test_dataloader() if split == "test" else run.data.val_dataloader()
    if isinstance(loader, (list, tuple, dict)):
        raise RobustnessError(
            f"The {split} split of {run.name} has {len(loader)} loaders: measure a run with one source of "
            "data."
        )
    # Lightning types a loader as anything; ours have a length and give batches.
    return cast("Sequence[AffectBatch]", loader)


def _moved(run: TrainedRun, batch: AffectBatch, device: str | torch.device) -> AffectBatch:
    """The batch as the trainer would hand it to the task."""
    moved: AffectBatch = run.data.on_after_batch_transfer(batch.to(device), 0)
    return moved


def _present(batch: AffectBatch, names: Sequence[str]) -> dict[str, Tensor]:
    """Which rows have which modality, with a flag for every row."""
    rows = batch.masks.get("utterance", batch.valid)
    everywhere = torch.ones_like(rows)
    found: dict[str, Tensor] = {}
    for name in names:
        flag = batch.present.get(name, everywhere) & rows
        found[name] = flag if name in batch.inputs else torch.zeros_like(rows)
    return found


def _draws(batch: AffectBatch, present: Mapping[str, Tensor], *, seed: int) -> dict[str, Tensor]:
    return {
        name: missing_draws(batch.keys, flag.shape, modality=name, seed=seed).to(flag.device)
        for name, flag in present.items()
    }


def _evaluate(
    run: TrainedRun, batch: AffectBatch, present: Mapping[str, Tensor], metrics: MetricCollection
) -> AffectOutput:
    seen = replace(batch, present=dict(present))
    output: AffectOutput = run.task(seen)
    run.task.update_metrics(metrics, seen, output)
    return output


def _count_conflicts(
    run: TrainedRun,
    counts: ConflictCounts | None,
    batch: AffectBatch,
    present: Mapping[str, Tensor],
    whole: AffectOutput,
) -> bool:
    """Compare with what each modality says by itself; whether there was anything to compare."""
    target = run.task.asked(batch)
    label = target.label
    if counts is None or whole.logits is None or label is None:
        return False
    alone: dict[str, Tensor] = {}
    for name in present:
        hidden = {other: flag if other == name else torch.zeros_like(flag) for other, flag in present.items()}
        output: AffectOutput = run.task(replace(batch, present=hidden))
        assert output.logits is not None, "the same head as before"
        alone[name] = output.logits.argmax(dim=-1)
    counts.update(whole.logits.argmax(dim=-1), alone, present=present, label=label, weight=target.weight)
    return True


def _scores(metrics: MetricCollection) -> Scores:
    found: Mapping[str, object] = metrics.compute()
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, Tensor) and value.numel() == 1
    }
