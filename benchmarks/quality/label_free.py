"""Encoders trained without labels, read by classifiers that few or many labels train.

Makes recordings of several modalities, trains encoders by the contrast between modalities, and then a probe
on them with the labels of 40 and of all 320 training recordings. Beside it the same probe on encoders as they
begin, the same networks trained by the labels from end to end, and encoders and classifier trained at once.
Every training takes as many steps; nothing is selected, and the test split is read once. A finished cell is
kept in the work folder, and the same call after an interruption goes on with the others.

    python benchmarks/quality/label_free.py --out label_free.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import platform
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import lightning
import torch
from lightning.pytorch import Trainer, seed_everything
from torch import Tensor, nn

from affectkit.data.modules import FeatureDataModule
from affectkit.data.synthetic import SEQUENCE_WIDTHS, write_synthetic_sequences
from affectkit.encoders import SequenceEncoder
from affectkit.fusion import ConcatFusion
from affectkit.heads import ClassificationHead
from affectkit.losses import ClassificationLoss
from affectkit.metrics import UAR
from affectkit.report.robustness import paired_difference
from affectkit.tasks import AdamWFactory, AffectTask, ContrastiveStage, ContrastiveTask
from affectkit.types import Encoding

System: TypeAlias = Literal["untrained", "contrast", "official", "online", "labels"]
SPACE: Final = "ravdess8.official"
WIDTH: Final = 32
#: Seconds of a cell, to announce before one has been measured on this machine.
GUESS: Final = 12.0


class Sizes(NamedTuple):
    """Recordings with and without labels, of the test, and steps of each training."""

    few: int
    train: int
    test: int
    steps: int


class Cell(NamedTuple):
    """One system and seed; UAR in percent by the number of labels."""

    system: str
    seed: int
    scores: dict[str, float]
    seconds: float


class OverViews(nn.Module):
    """An encoder of the same shape for training by labels: the mean over the views of a recording."""

    def __init__(self, in_dim: int) -> None:
        super().__init__()
        self.encoder = SequenceEncoder(in_dim, WIDTH, channels=(16, 16))
        self.out_dim = WIDTH

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode (B, V, T, D) under ``mask`` (B, V, T)."""
        found: Encoding = self.encoder(x.flatten(0, 1), None if mask is None else mask.flatten(0, 1))
        return Encoding(found.pooled.reshape(*x.shape[:2], WIDTH).mean(1))


def task(system: System, *, seed: int, stage: ContrastiveStage, weights: str | None = None) -> AffectTask:
    """The task of a system, built from its seed alone."""
    torch.manual_seed(seed)
    if system == "labels":
        return AffectTask(
            {name: OverViews(width) for name, width in SEQUENCE_WIDTHS.items()},
            fusion=ConcatFusion(dict.fromkeys(SEQUENCE_WIDTHS, WIDTH)),
            head=ClassificationHead(WIDTH * len(SEQUENCE_WIDTHS), 8),
            loss=ClassificationLoss(8),
            metrics={"uar_present": UAR(8)},
            optimizer=AdamWFactory(0.005, 0.001),
            label_space=SPACE,
            seed=seed,
        )
    return ContrastiveTask(
        SPACE,
        dict(SEQUENCE_WIDTHS),
        stage=stage,
        encoder_weights=weights,
        channels=[16, 16],
        feature_dim=WIDTH,
        hidden_dim=WIDTH,
        projection_dim=16,
        mode="official" if system == "official" else "infonce",
        temperature=0.1,
        optimizer="adamw",
        lr=0.02 if stage == "probe" else 0.005,
        weight_decay=0.001,
        seed=seed,
    )


def views(root: Path, seed: int) -> FeatureDataModule:
    steps = dict.fromkeys(SEQUENCE_WIDTHS, 12)
    return FeatureDataModule(str(root), views=2, view_steps=steps, seed=seed, tail="wrap", pin_memory=False)


def trained(model: AffectTask, root: Path, seed: int, *, steps: int) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=steps,
        max_epochs=-1,
        logger=False,
        limit_val_batches=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(model, views(root, seed))
    return trainer


def measure(system: System, seed: int, *, work: Path, sizes: Sizes) -> Cell:
    """Train a system and test it with few labels and with all."""
    began = time.monotonic()
    roots = {count: work / f"{seed}-{count}" for count in (sizes.few, sizes.train)}
    for count, root in roots.items():
        # With one seed the first recordings are the same ones.
        write_synthetic_sequences(root, train=count, val=2, test=sizes.test, seed=seed, overwrite=True)
    whole, scores = roots[sizes.train], {}
    checkpoint = str(work / "encoders.ckpt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seed_everything(seed, verbose=False)
        if system in ("untrained", "contrast", "official"):
            encoders = task(system, seed=seed, stage="encoders")
            done = trained(encoders, whole, seed, steps=0 if system == "untrained" else sizes.steps)
            done.save_checkpoint(checkpoint)
        for count, root in roots.items():
            if system == "online" and count == sizes.few:
                continue  # it knows one set of recordings, all with labels
            if system in ("online", "labels"):
                model = task(system, seed=seed, stage="online")
            else:
                model = task(system, seed=seed, stage="probe", weights=checkpoint)
            tester = trained(model, root, seed, steps=sizes.steps)
            found = tester.test(model, views(whole, seed), verbose=False)[0]
            scores[str(count)] = 100 * found["test/uar_present"]
    return Cell(system, seed, scores, time.monotonic() - began)


def run_cells(seeds: int, *, work: Path, sizes: Sizes) -> list[Cell]:
    """Every cell, from the work folder where it is finished."""
    store = work / f"cells-{'-'.join(map(str, sizes))}"
    store.mkdir(exist_ok=True)
    wanted: list[tuple[System, int]] = [(name, seed) for seed in range(seeds) for name in get_args(System)]
    cells: list[Cell] = []
    taken: list[float] = []
    for number, (system, seed) in enumerate(wanted, start=1):
        path = store / f"{system}-{seed}.json"
        if path.is_file():
            cells.append(Cell(**json.loads(path.read_text(encoding="utf-8"))))
            continue
        left = (statistics.mean(taken) if taken else GUESS) * (len(wanted) - number + 1)
        print(f"[{number}/{len(wanted)}] {system}, seed {seed}; {left / 60:.0f} min left", flush=True)
        cell = measure(system, seed, work=work, sizes=sizes)
        taken.append(cell.seconds)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
        partial.replace(path)
        cells.append(cell)
    return cells


def rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Mean and deviation of each system, and what it gains on encoders as they begin, seed by seed."""
    found: list[dict[str, Any]] = []
    base = {cell.seed: cell.scores for cell in cells if cell.system == "untrained"}
    for system in dict.fromkeys(cell.system for cell in cells):
        mine = [cell for cell in cells if cell.system == system]
        for labels in mine[0].scores:
            values = [cell.scores[labels] for cell in mine]
            gain = paired_difference([base[cell.seed][labels] for cell in mine], values)
            found.append(
                {
                    "system": system,
                    "labels": int(labels),
                    "metric": "UAR",
                    "value": round(statistics.mean(values), 2),
                    "sd": round(statistics.stdev(values), 2) if len(values) > 1 else None,
                    "n": len(values),
                    "values": [round(value, 2) for value in values],
                    "gain": round(gain.mean, 2),
                    "low": None if gain.low is None else round(gain.low, 2),
                    "high": None if gain.high is None else round(gain.high, 2),
                }
            )
    return found


NAMES: Final[Mapping[str, str]] = {
    "untrained": "probe on encoders as they begin",
    "contrast": "probe on encoders of the contrast",
    "official": 'probe on encoders of `mode="official"`',
    "online": "both at once",
    "labels": "the same networks, by labels from end to end",
}


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each system, in Markdown: UAR with few labels and with all, and the gain."""
    counts = sorted({row["labels"] for row in found})
    lines = [
        f"| trained | {' | '.join(f'{count} labels | gain' for count in counts)} |",
        "|---" * (1 + 2 * len(counts)) + "|",
    ]
    for system in dict.fromkeys(row["system"] for row in found):
        cells = []
        for count in counts:
            row = next((r for r in found if (r["system"], r["labels"]) == (system, count)), None)
            if row is None:
                cells += ["-", "-"]
                continue
            spread = "" if row["sd"] is None else f" ± {row['sd']:.1f}"
            bounds = "" if row["low"] is None else f" [{row['low']:+.1f}, {row['high']:+.1f}]"
            cells.append(f"{row['value']:.1f}{spread}")
            cells.append("-" if system == "untrained" else f"{row['gain']:+.1f}{bounds}")
        lines.append(f"| {NAMES[system]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def failures(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Numbers of labels at which the contrast did not surely help the probe."""
    return [
        f"{row['system']}, {row['labels']} labels: gain {row['gain']:+.2f}, from {row['low']}"
        for row in found
        if row["system"] in ("contrast", "official") and (row["low"] is None or row["low"] <= 0)
    ]


def environment() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "lightning": lightning.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5, help="seeds of data and training, 0 to N-1")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--work", type=Path, help="folder of data and finished cells")
    parser.add_argument("--quick", action="store_true", help="few recordings, one seed, three steps")
    options = parser.parse_args(arguments)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("lightning"):
            logging.getLogger(name).setLevel(logging.ERROR)
    sizes = Sizes(16, 32, 16, 3) if options.quick else Sizes(40, 320, 320, 200)
    seeds = 1 if options.quick else options.seeds
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        found = rows(run_cells(seeds, work=work, sizes=sizes))
    print(table(found))
    below = [] if options.quick else failures(found)
    result = {
        "name": "label_free",
        "command": "python benchmarks/quality/label_free.py "
        + ("--quick" if options.quick else f"--seeds {seeds}"),
        "environment": environment(),
        "data": "synthetic",
        "sizes": sizes._asdict(),
        "selection": "none, the last step; interval of the gain over seeds, 95 %",
        "rows": found,
        "limit": {"what": "the contrast helps a probe, with few labels and with many", "failures": below},
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(below))
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
