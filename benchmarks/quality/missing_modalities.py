"""Every fusion with and without hidden modalities in training, tested with modalities missing.

Makes a synthetic corpus and features of the tiny encoders, then trains ConversationTask once for each
fusion, seed, and rate of modality dropout (0 and 0.3). The epoch is selected on val with nothing
missing. The test split is read with any of the modalities, never all, missing in 0, 30 and 50 % of the
utterances, by the same patterns for all. A finished cell is kept in the work folder, and the same
call after an interruption goes on with the others.

    python benchmarks/quality/missing_modalities.py --out missing_modalities.json
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
from typing import Any, Final, NamedTuple, get_args

import lightning
import torch
from lightning.pytorch import Trainer, seed_everything

from affectkit.callbacks import ResumableCheckpoint
from affectkit.data.modules import ConversationDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.fusion import FusionName
from affectkit.predict import extract_features, named_extractor
from affectkit.report.robustness import ANY, TrainedRun, measure_run, paired_difference
from affectkit.tasks import ConversationTask
from affectkit.tasks.run_checkpoint import run_checkpoint

#: Two aligned views of one picture are what the one that is left out is made for.
FUSIONS: Final = tuple(name for name in get_args(FusionName) if name != "attentional_selective")
HIDDEN: Final = (0.0, 0.3)
MISSING: Final = (0.0, 0.3, 0.5)
#: Draws of what is missing, averaged for each cell.
DRAWS: Final = 3
#: Seconds of a cell, to announce before one has been measured on this machine.
GUESS: Final = 6.0


class Sizes(NamedTuple):
    """Conversations of each split, and epochs."""

    train: int
    val: int
    test: int
    epochs: int


class Cell(NamedTuple):
    """One training; weighted F1 in percent by missing rate."""

    fusion: str
    hidden: float
    seed: int
    scores: dict[str, float]
    seconds: float


def features(work: Path, sizes: Sizes) -> Path:
    """Make the corpus and its features, or find them as they were made before."""
    folder = work / f"features-{sizes.train}-{sizes.val}-{sizes.test}"
    if not folder.is_dir():
        print("corpus and features ...", flush=True)
        corpus = work / "corpus"
        write_synthetic(corpus, train=sizes.train, val=sizes.val, test=sizes.test, seed=0, overwrite=True)
        extractors = {name: named_extractor(name) for name in ("text", "visual", "audio")}
        extract_features(corpus, folder, encoders=extractors, overwrite=True)
    return folder


def train(
    fusion: FusionName, hidden: float, seed: int, *, root: Path, epochs: int, folder: Path
) -> TrainedRun:
    """Train and take the epoch that is best on val."""
    seed_everything(seed, verbose=False)
    data = ConversationDataModule(str(root), batch_size=8, seed=seed, pin_memory=False)
    task = ConversationTask(
        "meld7.official",
        dict(data.feature_dims),
        hidden_dim=48,
        standardize=True,
        context_cell="gru",
        context_dim=32,
        context="both",
        class_weights="sqrt",
        lr=3e-3,
        schedule="cosine",
        warmup=0.1,
        fusion=fusion,
        modality_dropout=hidden,
        gate_balance=0.05 if fusion == "modality_experts" else 0.0,
        seed=seed,
    )
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        gradient_clip_val=1.0,
        logger=False,
        callbacks=[ResumableCheckpoint(monitor="val/weighted_f1")],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    trainer.fit(task, data)
    checkpoint = run_checkpoint(folder)
    assert checkpoint is not None, "an epoch was validated"
    best = ConversationTask.load_from_checkpoint(checkpoint)
    # Free of the trainer that is done, so that it opens what the test needs by itself.
    fresh = ConversationDataModule(str(root), batch_size=32, pin_memory=False)
    return TrainedRun(fusion, best, fresh, checkpoint)


def measure(fusion: FusionName, hidden: float, seed: int, *, root: Path, epochs: int) -> Cell:
    """Train once and test with modalities missing."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = train(fusion, hidden, seed, root=root, epochs=epochs, folder=Path(folder))
        found = measure_run(run, rates=[rate for rate in MISSING if rate], seeds=DRAWS)
    scores = {"0.0": 100 * found.complete["weighted_f1"]}
    for rate in MISSING[1:]:
        values = [
            score["weighted_f1"]
            for pattern, score in found.scores.items()
            if pattern.missing == ANY and pattern.rate == rate
        ]
        scores[str(rate)] = 100 * statistics.mean(values)
    return Cell(fusion, hidden, seed, scores, time.monotonic() - began)


def run_cells(fusions: Sequence[FusionName], seeds: int, *, work: Path, sizes: Sizes) -> list[Cell]:
    """Every cell, from the work folder where it is finished."""
    root = features(work, sizes)
    store = work / f"cells-{'-'.join(map(str, sizes))}"
    store.mkdir(exist_ok=True)
    wanted = [(fusion, hidden, seed) for seed in range(seeds) for fusion in fusions for hidden in HIDDEN]
    cells: list[Cell] = []
    taken: list[float] = []
    for done, (fusion, hidden, seed) in enumerate(wanted, start=1):
        path = store / f"{fusion}-{hidden}-{seed}.json"
        if path.is_file():
            cell = Cell(**json.loads(path.read_text(encoding="utf-8")))
        else:
            left = (statistics.mean(taken) if taken else GUESS) * (len(wanted) - done + 1)
            print(
                f"[{done}/{len(wanted)}] {fusion}, {hidden} hidden, seed {seed}; {left / 60:.0f} min left",
                flush=True,
            )
            cell = measure(fusion, hidden, seed, root=root, epochs=sizes.epochs)
            taken.append(cell.seconds)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
            partial.replace(path)
        cells.append(cell)
    return cells


def rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Mean and deviation of each system at each missing rate, and the paired differences."""
    found: list[dict[str, Any]] = []
    for fusion in dict.fromkeys(cell.fusion for cell in cells):
        for rate in MISSING:
            values = {
                hidden: [
                    cell.scores[str(rate)] for cell in cells if (cell.fusion, cell.hidden) == (fusion, hidden)
                ]
                for hidden in HIDDEN
            }
            for hidden, scores in values.items():
                found.append(
                    {
                        "system": fusion,
                        "hidden": hidden,
                        "missing": rate,
                        "metric": "weighted F1",
                        "value": round(statistics.mean(scores), 2),
                        "sd": round(statistics.stdev(scores), 2) if len(scores) > 1 else None,
                        "n": len(scores),
                        "values": [round(score, 2) for score in scores],
                    }
                )
            gain = paired_difference(values[HIDDEN[0]], values[HIDDEN[1]])
            found.append(
                {
                    "system": fusion,
                    "missing": rate,
                    "metric": "gain of hiding",
                    "value": round(gain.mean, 2),
                    "low": None if gain.low is None else round(gain.low, 2),
                    "high": None if gain.high is None else round(gain.high, 2),
                    "n": len(values[HIDDEN[0]]),
                }
            )
    return found


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each fusion, in Markdown: with nothing hidden in training, and the gain of hiding."""
    heads = [f"{rate:.0%} missing | gain of hiding" for rate in MISSING]
    lines = [f"| fusion | {' | '.join(heads)} |", "|---" * (1 + 2 * len(MISSING)) + "|"]
    for system in dict.fromkeys(row["system"] for row in found):
        cells = []
        for rate in MISSING:
            mine = [row for row in found if row["system"] == system and row["missing"] == rate]
            plain = next(row for row in mine if row.get("hidden") == HIDDEN[0])
            gain = next(row for row in mine if row["metric"] == "gain of hiding")
            spread = "" if plain["sd"] is None else f" ± {plain['sd']:.1f}"
            bounds = "" if gain["low"] is None else f" [{gain['low']:+.1f}, {gain['high']:+.1f}]"
            cells += [f"{plain['value']:.1f}{spread}", f"{gain['value']:+.1f}{bounds}"]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines)


def failures(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Fusions that hiding modalities in training did not help where half are missing."""
    return [
        f"{row['system']}: {row['value']:+.2f} at 50 % missing"
        for row in found
        if row["metric"] == "gain of hiding" and row["missing"] == MISSING[-1] and row["value"] <= 0
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
    parser.add_argument("--seeds", type=int, default=5, help="seeds of the training, 0 to N-1 (default: 5)")
    parser.add_argument("--fusions", nargs="+", choices=FUSIONS, default=list(FUSIONS), help="only these")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--work", type=Path, help="folder of the features and finished cells")
    parser.add_argument(
        "--quick", action="store_true", help="a small corpus, one seed, two epochs: does it run?"
    )
    options = parser.parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    sizes = Sizes(12, 4, 6, 2) if options.quick else Sizes(160, 40, 80, 10)
    seeds = 1 if options.quick else options.seeds
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        cells = run_cells(options.fusions, seeds, work=work, sizes=sizes)
    found = rows(cells)
    print(table(found))
    below = [] if options.quick else failures(found)
    result = {
        "name": "missing_modalities",
        "command": "python benchmarks/quality/missing_modalities.py "
        + ("--quick" if options.quick else f"--seeds {seeds}"),
        "environment": environment(),
        "data": "synthetic",
        "sizes": sizes._asdict(),
        "selection": "epoch by weighted F1 on val with nothing missing; interval over trainings, 95 %",
        "rows": found,
        "limit": {"what": "hiding in training helps every fusion at 50 % missing", "failures": below},
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(below))
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
