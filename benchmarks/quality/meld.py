"""Emotions in conversation on MELD, text only: recipe:erc_curriculum with and without its curriculum.

Makes shards of the published CSV files, extracts features of every layer of a frozen text encoder,
then trains and tests the recipe once for each system and seed. The epoch is selected on dev; the
test split is read once for each cell, afterwards. A finished cell is kept in the work folder, and
the same call after an interruption goes on with the others.

    python benchmarks/quality/meld.py --data DIR --encoder FOLDER --seeds 5 --out meld.json

With ``--models`` or ``--curricula``, names or ``all``, it compares instead every context model with and
without the same-speaker curriculum, and every curriculum on one model, on the same features:

    python benchmarks/quality/meld.py --data DIR --encoder FOLDER --models all --curricula all --seeds 5
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import lightning
import torch
import transformers
from meld_systems import CURRICULA, MODELS, context_systems
from meld_table import Cell, context_figure, context_rows, context_table

from affectkit.callbacks import read_log
from affectkit.cli.training import train
from affectkit.data.shards import Manifest, read_manifest
from affectkit.data.sources import find_source, make_dataset
from affectkit.predict import extract_features, named_extractor
from affectkit.recipes import recipe_path

RECIPE: Final = "recipe:erc_curriculum"
#: System to the options that make it out of the recipe.
SYSTEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "erc_curriculum": (),
    "erc_curriculum without curriculum": ("--data.init_args.curriculum", "null"),
}
#: Metric as it is printed, and as the run writes it.
METRICS: Final[Mapping[str, str]] = {
    "weighted F1": "test/weighted_f1",
    "accuracy": "test/accuracy",
    "UAR": "test/uar_present",
}
#: Weighted F1 on the test split from text alone, with the source.
PUBLISHED: Final = (
    ("text-CNN", 55.0, "MELD, ACL 2019, arXiv:1810.02508"),
    ("bc-LSTM", 56.4, "MELD, ACL 2019, arXiv:1810.02508"),
    ("DialogueRNN", 57.0, "MELD, ACL 2019, arXiv:1810.02508"),
    ("DialogueGCN", 58.1, "DialogueGCN, EMNLP 2019, arXiv:1908.11540"),
    ("COSMIC, fine-tunes RoBERTa-large", 65.2, "COSMIC, Findings of EMNLP 2020, arXiv:2010.02795"),
    ("EmoBERTa, fine-tunes RoBERTa", 65.6, "EmoBERTa, 2021, arXiv:2108.12009"),
    ("SPCL, fine-tunes SimCSE-RoBERTa-large", 67.3, "SPCL, EMNLP 2022, arXiv:2210.08713"),
    ("PRC-Emo, tunes a language model of 8B", 70.4, "PRC-Emo, AAAI 2026, arXiv:2511.07061"),
)
#: Below this mean weighted F1 something is broken: DialogueGCN's published figure and a point.
LEAST: Final = 59.1
#: Seconds of a cell, to announce before one has been measured on this machine.
GUESS: Final = 60.0


def features(data: Path, encoder: str, work: Path) -> Path:
    """Make shards and features, or find them as they were made before."""
    source = data / "meld" if (data / "meld").is_dir() else data
    if not (work / "shards").is_dir():
        print("shards ...", flush=True)
        make_dataset(find_source("meld"), source, out=work / "shards")
    layers: Literal["all"] | None = None if encoder == "tiny" else "all"
    print("features ... (two minutes on two cores; nothing to do if they are there)", flush=True)
    extract_features(
        work / "shards",
        work / "features",
        encoders={"text": named_extractor("text", encoder, layers=layers)},
        jobs=min(8, os.cpu_count() or 1),
    )
    return work / "features"


def fingerprint(manifest: Manifest, epochs: int | None, settings: Sequence[str]) -> str:
    """Name of everything a cell depends on beside the seed."""
    parts = [entry.sha256 for entry in manifest.shards]
    depends_on = [*parts, recipe_path(RECIPE).read_text(encoding="utf-8"), str(epochs), *settings]
    return hashlib.sha256("\n".join(depends_on).encode()).hexdigest()[:16]


def measure(
    system: str, seed: int, *, settings: Sequence[str], root: Path, epochs: int | None, folder: Path
) -> Cell:
    """Train, select on dev, test once."""
    if folder.exists():
        # Left by a call that was interrupted within this cell.
        shutil.rmtree(folder)
    width = read_manifest(root).features["text"].dim
    options = ["--config", RECIPE, "--data.init_args.root", str(root), "--seed_everything", str(seed)]
    options += ["--model.init_args.inputs", json.dumps({"text": width}), *settings]
    options += [] if epochs is None else ["--trainer.max_epochs", str(epochs)]
    options += ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--run_folder", str(folder)]
    began = time.monotonic()
    folder.mkdir(parents=True)
    with (
        (folder / "output.txt").open("w", encoding="utf-8") as output,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        train(["fit", *options])
        train(["test", *options, "--ckpt_path", "best"])
    scores = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    dev = [row for row in read_log(folder) if row.key == "val/weighted_f1"]
    best = max(dev, key=lambda row: row.value)
    return Cell(
        system,
        seed,
        dev=100 * best.value,
        epoch=-1 if best.epoch is None else best.epoch,
        test={name: 100 * scores[key] for name, key in METRICS.items()},
        seconds=time.monotonic() - began,
    )


def run_cells(
    systems: Mapping[str, Sequence[str]],
    seeds: int,
    *,
    root: Path,
    epochs: int | None,
    work: Path,
    measured: bool = True,
) -> list[Cell]:
    """Every cell, from the work folder where it is finished; others only where they are to be measured."""
    manifest = read_manifest(root)
    wanted = [(system, seed) for seed in range(seeds) for system in systems]
    cells: list[Cell] = []
    taken: list[float] = []
    for done, (system, seed) in enumerate(wanted, start=1):
        store = work / "cells" / fingerprint(manifest, epochs, systems[system])
        path = store / f"{re.sub('[^a-z0-9]+', '_', system.lower())}-{seed}.json"
        if path.is_file():
            cell = Cell(**json.loads(path.read_text(encoding="utf-8")))
        elif not measured:
            continue
        else:
            store.mkdir(parents=True, exist_ok=True)
            left = (statistics.mean(taken) if taken else GUESS) * (len(wanted) - done + 1)
            print(f"[{done}/{len(wanted)}] {system}, seed {seed}; about {left / 60:.0f} min left", flush=True)
            cell = measure(
                system,
                seed,
                settings=systems[system],
                root=root,
                epochs=epochs,
                folder=work / "runs" / path.stem,
            )
            taken.append(cell.seconds)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
            partial.replace(path)
        print(
            f"[{done}/{len(wanted)}] {system}, seed {seed}: dev {cell.dev:.2f} at epoch {cell.epoch}, test "
            + ", ".join(f"{name} {value:.2f}" for name, value in cell.test.items()),
            flush=True,
        )
        cells.append(cell)
    return cells


def rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Mean and standard deviation of each system and metric, and the published rows."""
    found: list[dict[str, Any]] = []
    for system in SYSTEMS:
        mine = [cell for cell in cells if cell.system == system]
        for name in ("dev weighted F1", *METRICS):
            values = [cell.dev if name.startswith("dev") else cell.test[name] for cell in mine]
            row = {"system": system, "metric": name, "value": round(statistics.mean(values), 2)}
            spread = round(statistics.stdev(values), 2) if len(values) > 1 else None
            found.append({**row, "sd": spread, "n": len(values), "values": [round(v, 2) for v in values]})
    for system, value, source in PUBLISHED:
        row = {"system": system, "metric": "weighted F1", "value": value, "sd": None, "n": None}
        found.append({**row, "published": True, "source": source})
    return found


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each system, in Markdown; ours with mean and standard deviation over the seeds."""
    lines = [
        "| system | seeds | weighted F1, test | accuracy, test | UAR, test | weighted F1, dev | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for system in dict.fromkeys(row["system"] for row in found):
        mine = {row["metric"]: row for row in found if row["system"] == system}
        head = mine["weighted F1"]
        if head.get("published"):
            lines.append(f"| {system} | | {head['value']:.1f} | | | | published: {head['source']} |")
            continue
        figures = [_figure(mine[name]) for name in (*METRICS, "dev weighted F1")]
        lines.append(f"| {system} | {head['n']} | {' | '.join(figures)} | measured |")
    return "\n".join(lines)


def _figure(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.2f}" + ("" if row["sd"] is None else f" ± {row['sd']:.2f}")


def failures(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Systems of ours that fall below what they must reach."""
    return [
        f"{row['system']}: {row['value']} < {LEAST}"
        for row in found
        if row["metric"] == "weighted F1" and not row.get("published") and row["value"] < LEAST
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
            "transformers": transformers.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of MELD's CSV files, or of meld/")
    parser.add_argument("--encoder", required=True, help="folder or hub name of a text model, or 'tiny'")
    for option, names in (("--models", MODELS), ("--curricula", tuple(CURRICULA))):
        parser.add_argument(
            option, nargs="+", choices=("all", *names), metavar="NAME", help=f"all, or of {', '.join(names)}"
        )
    parser.add_argument("--picture", type=Path, help="difference that each system makes, as PNG")
    parser.add_argument("--finished", action="store_true", help="measure nothing, write what there is")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1 (default: 5)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--work", type=Path, help="folder of shards, features, runs and finished cells")
    parser.add_argument("--quick", action="store_true", help="one seed and two epochs: does it run?")
    options = parser.parse_args(arguments)
    # Its handlers hold the first stderr, so redirecting does not silence it.
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    seeds, epochs = (1, 2) if options.quick else (options.seeds, None)
    compared = _chosen(options.models, MODELS), _chosen(options.curricula, tuple(CURRICULA))
    comparing = any(compared)
    systems = context_systems(*compared) if comparing else dict(SYSTEMS)
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        cells_expected = seeds * len(systems)
        print(f"{cells_expected} cells, about {cells_expected * GUESS / 60:.0f} min on two cores", flush=True)
        root = features(options.data, options.encoder, work)
        encoder = read_manifest(root).features["text"].encoder
        cells = run_cells(systems, seeds, root=root, epochs=epochs, work=work, measured=not options.finished)
    found = context_rows(cells, PUBLISHED) if comparing else rows(cells)
    print(context_table(found) if comparing else table(found))
    if options.picture is not None and comparing:
        context_figure(found).savefig(options.picture)
    below = [] if options.quick or comparing else failures(found)
    command = "python benchmarks/quality/meld.py --data DIR --encoder FOLDER "
    for option, names in (("--models", options.models), ("--curricula", options.curricula)):
        command += " ".join([option, *(shlex.quote(name) for name in names), ""]) if names else ""
    result = {
        "name": "meld_context" if comparing else "meld",
        "command": command + ("--quick" if options.quick else f"--seeds {seeds}"),
        "environment": environment(),
        "data": "MELD",
        "encoder": encoder,
        "selection": "epoch by weighted F1 on dev; test read once for each system and seed",
        "epochs": {
            system: [c.epoch for c in cells if c.system == system]
            for system in dict.fromkeys(c.system for c in cells)
        },
        "seconds": round(sum(cell.seconds for cell in cells)),
        "rows": found,
        "limit": {
            "what": f"mean weighted F1 of the recipe's systems at least {LEAST}",
            "failures": below,
        },
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(below))
    return 1 if below else 0


def _chosen(names: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(known) if names and "all" in names else tuple(names or ())


if __name__ == "__main__":
    raise SystemExit(main())
