"""Sentiment of CMU-MOSI from every fusion and every modality alone, with features of two kinds.

``distributed`` reads the features that bc-LSTM published, ``encoder`` the transcripts through a frozen
sentence encoder in the place of the published text features. Every system is a fusion and a
bidirectional GRU over the video, with the same settings. Each seed holds out 12 of the 62 training
videos and trains on the others; settings, epochs and the system that a block is judged by are chosen
on the held-out ones alone. What was chosen is also trained on all 62. Every training reads the test
split once, complete and with any of the modalities (never all) missing in 30 and 50 % of the
utterances, in the same way for all; on the features as distributed every fusion is trained once more
with 30 % of the modalities hidden.
The published text and video features come from networks that learnt from the labels of the training
videos: noise keeps them from looking better there than they are. ``--plain`` also trains some without it.
A finished cell is kept in the work folder, and the same call after an interruption goes on with the others.

    python benchmarks/quality/mosi.py --data DIR --encoder FOLDER --seeds 5 --out mosi.json
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, cast

import lightning
import torch
from lightning.pytorch import seed_everything
from missing_modalities import DRAWS, FUSIONS, HIDDEN, MISSING
from missing_modalities import table as missing_table
from mosi_table import (
    Cell,
    chosen,
    errors,
    errors_table,
    failures,
    missing_rows,
    plain_table,
    rows,
    table,
    utterances,
)
from mosi_videos import HELD_OUT, NOISE, MosiVideos, build, fit, make_features
from torch import Tensor

from affectkit.data.shards import read_manifest
from affectkit.fusion import FusionName
from affectkit.report.robustness import ANY, MissingPattern, missing_draws
from affectkit.tasks import ConversationTask

EPOCHS: Final = 12
#: Fusions that ``--plain`` trains without noise, beside the modalities alone.
PLAIN: Final = ("concat", "fusion_attention", "gated")
#: Seconds of a cell, to announce before one has been measured on this machine.
GUESS: Final = 10.0


class Wanted(NamedTuple):
    """One training: a system of a block, with one seed.

    Attributes:
        block: What it reads.
        system: Fusion, or the modality that is read alone.
        noise: Whether noise keeps features that know the labels from looking better than they are.
        hidden: Rate of modalities that are hidden in training.
        held_out: How many of the training videos it is not trained on.
        seed: Seed.
    """

    block: str
    system: str
    noise: bool
    hidden: float
    held_out: int
    seed: int

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it reads."""
        alone = self.system.removesuffix(" alone")
        return (alone,) if alone in BLOCKS[self.block] else BLOCKS[self.block]

    @property
    def name(self) -> str:
        """For the file of its cell."""
        kind = "noise" if self.noise else "plain"
        return (
            f"{self.block}-{self.system.replace(' ', '_')}-{kind}-{self.hidden}-{self.held_out}-{self.seed}"
        )


#: What each block reads. Its words are also read alone; the others, the same in both, in the first block.
BLOCKS: Final[dict[str, tuple[str, ...]]] = {
    "distributed": ("text", "audio", "visual"),
    "encoder": ("sentence", "audio", "visual"),
}


def wanted_cells(blocks: Sequence[str], seeds: int, *, plain: bool) -> list[Wanted]:
    """Every training that is asked for but those of what is chosen, seed by seed."""
    found: list[Wanted] = []
    for noise in (True, False) if plain else (True,):
        fusions = FUSIONS if noise else [name for name in FUSIONS if name in PLAIN]
        for seed in range(seeds):
            for block in blocks:
                alone = BLOCKS[block] if block == "distributed" else BLOCKS[block][:1]
                for system in (*(f"{name} alone" for name in alone), *fusions):
                    found.append(Wanted(block, system, noise, 0.0, HELD_OUT, seed))
    if "distributed" in blocks:
        found += [
            Wanted("distributed", fusion, True, HIDDEN[1], HELD_OUT, seed)
            for seed in range(seeds)
            for fusion in FUSIONS
        ]
    return found


def measure(one: Wanted, *, root: Path, epochs: int) -> Cell:
    """Train, look at the videos that are held out, and test."""
    began = time.monotonic()
    seed_everything(one.seed, verbose=False)
    data = MosiVideos(
        root, one.modalities, seed=one.seed, held_out=one.held_out, noise=NOISE if one.noise else None
    )
    fusion = cast("FusionName", one.system) if one.system in FUSIONS else None
    task = build(data, fusion=fusion, seed=one.seed, modality_dropout=one.hidden)
    held = fit(task, data, epochs=epochs)
    chances, missing = test(task.eval(), data)
    return Cell(
        one.block,
        one.system,
        one.noise,
        one.hidden,
        one.held_out,
        one.seed,
        found=100 * held["val/accuracy"] if one.held_out else None,
        chances=chances,
        missing=missing,
        seconds=time.monotonic() - began,
    )


def test(task: ConversationTask, data: MosiVideos) -> tuple[list[float], dict[str, list[list[float]]]]:
    """Chance of a positive label of each utterance, with everything and with modalities missing."""
    (batch,) = data.test_dataloader()
    mask = batch.masks["utterance"]

    def chances(present: Mapping[str, Tensor]) -> list[float]:
        with torch.inference_mode():
            logits: Tensor = task(replace(batch, present=dict(present))).logits
        return [round(value, 4) for value in logits.softmax(dim=-1)[..., 1][mask].tolist()]

    missing: dict[str, list[list[float]]] = {}
    for rate in MISSING[1:] if len(batch.inputs) > 1 else ():
        missing[str(rate)] = []
        for draw in range(DRAWS):
            drawn = {
                name: missing_draws(batch.keys, tuple(mask.shape), modality=name, seed=draw)
                for name in batch.present
            }
            missing[str(rate)].append(chances(MissingPattern(ANY, rate, draw).apply(batch.present, drawn)))
    return chances(batch.present), missing


def run_cells(wanted: Sequence[Wanted], *, root: Path, store: Path, epochs: int) -> list[Cell]:
    """Every cell, from the work folder where it is finished."""
    cells: list[Cell] = []
    taken: list[float] = []
    for done, one in enumerate(wanted, start=1):
        path = store / f"{one.name}.json"
        if not path.is_file():
            left = (statistics.mean(taken) if taken else GUESS) * (len(wanted) - done + 1)
            print(f"[{done}/{len(wanted)}] {one.name}; {left / 60:.0f} min left", flush=True)
            cell = measure(one, root=root, epochs=epochs)
            taken.append(cell.seconds)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
            partial.replace(path)
        cells.append(Cell(**json.loads(path.read_text(encoding="utf-8"))))
    return cells


def cell_store(root: Path, work: Path, epochs: int) -> Path:
    """Folder of the cells, named by everything that they depend on beside what their names say."""
    depends_on = [entry.sha256 for entry in read_manifest(root).shards] + [str(epochs), str(dict(NOISE))]
    store = work / "cells" / hashlib.sha256("\n".join(depends_on).encode()).hexdigest()[:16]
    store.mkdir(parents=True, exist_ok=True)
    return store


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
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of mosi.npz, or the one that holds mosi/"
    )
    parser.add_argument(
        "--encoder", help="folder or name of a transformers text encoder; 'tiny' has no weights"
    )
    parser.add_argument("--seeds", type=int, default=5, help="seeds of the training, 0 to N-1 (default: 5)")
    parser.add_argument("--blocks", nargs="+", choices=tuple(BLOCKS), default=list(BLOCKS), help="only these")
    parser.add_argument("--plain", action="store_true", help="train some systems once more, without noise")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--work", type=Path, help="folder of the features and finished cells")
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch: does it run?")
    options = parser.parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    seeds, epochs = (1, 1) if options.quick else (options.seeds, EPOCHS)
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        root = make_features(options.data, options.encoder, work)
        manifest = read_manifest(root)
        blocks = [name for name in options.blocks if name == "distributed" or options.encoder is not None]
        store = cell_store(root, work, epochs)
        cells = run_cells(
            wanted_cells(blocks, seeds, plain=options.plain), root=root, store=store, epochs=epochs
        )
        label = utterances(root).label
        again = [
            Wanted(block, chosen(rows(cells, label), block), True, 0.0, 0, seed)
            for block in blocks
            for seed in range(seeds)
        ]
        cells += run_cells(again, root=root, store=store, epochs=epochs)
        found = rows(cells, label)
        wrong = errors(cells, utterances(root))
    print(table(found), errors_table(wrong), sep="\n\n")
    if options.plain:
        print(f"\n{plain_table(found)}")
    absent = missing_rows(cells, label) if "distributed" in blocks else []
    if absent:
        print(f"\n{missing_table(absent)}")
    below = [] if options.quick else failures(found)
    result = {
        "name": "mosi",
        "command": "python benchmarks/quality/mosi.py --data DIR --encoder FOLDER "
        + ("--plain " if options.plain else "")
        + ("--quick" if options.quick else f"--seeds {seeds}"),
        "environment": environment(),
        "data": "CMU-MOSI",
        "encoder": manifest.features["sentence"].encoder if "sentence" in manifest.features else None,
        "selection": "settings, epochs and system on held-out training videos; test read once for each cell",
        "epochs": epochs,
        "noise": dict(NOISE),
        "rows": found,
        "errors": wrong,
        "missing": absent,
        "limit": {"what": "accuracy of the system chosen on held-out videos", "failures": below},
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(below))
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
