"""Categories and dimensions of text from two sources: GoEmotions and EmoBank trained together.

No text has both: a comment of GoEmotions has labels, a sentence of EmoBank has valence, arousal and
dominance. Systems differ in their head alone: separate heads, one multi-task layer, and heads whose weights a
label graph makes, with links by several rules. ``frozen`` trains on stored features of a text encoder,
``finetuned`` trains the encoder too, with separate heads and with the graph that is best on dev when frozen.
Systems that read ratings of words (NRC VAD Lexicon, not part of this project) run with ``--lexicon`` only.
The epoch and the threshold of the labels are chosen on dev; the test splits are read once for each cell,
afterwards. A finished cell (mode, system, seed) is kept in the work folder, and the same call after an
interruption goes on with the others.

    python benchmarks/quality/cat_dim_text.py --data DIR --encoder FOLDER --seeds 3 --out cat_dim_text.json
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import lightning
import torch
import transformers
from cat_dim_graphs import RATED, RULES, GraphParts, links
from cat_dim_systems import (
    CATEGORIES,
    DIMENSIONS,
    GRAPH,
    SEPARATE,
    SETTINGS,
    SPACE,
    SYSTEMS,
    Mode,
    Source,
    TwoSourceTask,
    mixture,
    reads_lexicon,
    sources,
    task_of,
)
from cat_dim_table import LEAST, Cell, best_graph, failures, gains, rows, table
from emotion_anchors import LexiconError, read_lexicon
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor

from affectkit.callbacks import AffectPrediction, ResumableCheckpoint
from affectkit.data.shards import read_manifest
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.sources.goemotions import EKMAN_GROUPS
from affectkit.graph import encoded_label_embeddings
from affectkit.labels import LabelSpace, affect_scale, label_space
from affectkit.metrics import CCC, MultilabelF1, Pearson
from affectkit.predict import extract_features, named_extractor

SCALE: Final = affect_scale("vad.emobank")
EKMAN: Final = label_space("goemotions7.ekman")
#: Seconds of a cell on two cores, to announce before one has been measured.
GUESS: Final[Mapping[Mode, float]] = {"frozen": 120.0, "finetuned": 2700.0}


class Answers(NamedTuple):
    """What a system says about both sources in one split, and what is true.

    Shape:
        - probability, labels: (n, 28); rated, dims: (m, 3).
    """

    probability: Tensor
    labels: Tensor
    rated: Tensor
    dims: Tensor


class Bench(NamedTuple):
    """Everything that the cells of a mode share."""

    mode: Mode
    work: Path
    encoder: str
    roots: Mapping[str, str]
    parts: GraphParts
    statistics: tuple[Tensor, Tensor] | None
    fingerprint: str
    epochs: int | None


# ------------------------------------------------------------------------------------------- data


def shards(data: Path, work: Path) -> dict[str, str]:
    """Make shards of both sets, or find them as they were made before."""
    roots: dict[str, str] = {}
    for name in (CATEGORIES, DIMENSIONS):
        if not (work / "shards" / name).is_dir():
            print(f"shards of {name} ...", flush=True)
            (work / "shards").mkdir(exist_ok=True)
            make_dataset(find_source(name), data / name, out=work / "shards" / name)
        roots[name] = str(work / "shards" / name)
    return roots


def features(roots: Mapping[str, str], encoder: str, work: Path) -> dict[str, str]:
    """Extract features of every layer once; a call with the same encoder finds them."""
    (work / "features").mkdir(exist_ok=True)
    found: dict[str, str] = {}
    for name, root in roots.items():
        print(f"features of {name} ... (minutes on two cores; nothing to do if they are there)", flush=True)
        extract_features(
            root,
            work / "features" / name,
            encoders={"text": named_extractor("text", encoder, layers=None if encoder == "tiny" else "all")},
            jobs=min(8, os.cpu_count() or 1),
            unit_samples=512,
        )
        found[name] = str(work / "features" / name)
    return found


def truth(source: Source, split: str) -> tuple[Tensor | None, Tensor | None]:
    """Labels and dimensions of a split, in the order of its store."""
    labels: list[Tensor] = []
    dims: list[Tensor] = []
    for batch in source.examples_dataloader(split):
        if batch.target.multilabel is not None:
            labels.append(batch.target.multilabel[batch.valid])
        if batch.target.dims is not None:
            dims.append(batch.target.dims[batch.valid])
    return torch.cat(labels) if labels else None, torch.cat(dims) if dims else None


def prepare(
    mode: Mode,
    work: Path,
    encoder: str,
    texts: Mapping[str, str],
    *,
    epochs: int | None,
    anchors: Tensor | None = None,
    only_finished: bool = False,
) -> Bench:
    """Read what all cells of a mode share, and name everything that they depend on."""
    extractor = named_extractor("text", encoder)
    space = label_space(SPACE)
    vectors = encoded_label_embeddings((*space.labels, *SCALE.axes), extractor)
    roots = features(texts, encoder, work) if mode == "frozen" else dict(texts)
    found = sources(mode, roots, seed=0, encoder=encoder)
    labels, _ = truth(found[CATEGORIES], "train")
    assert labels is not None
    statistics = None
    if mode == "frozen" and not only_finished:
        numbers = mixture(SEPARATE, mode, found, seed=0).feature_statistics()["text"]
        statistics = (numbers.mean, numbers.deviation)
    depends_on = [entry.sha256 for root in texts.values() for entry in read_manifest(root).shards]
    depends_on += [extractor.identity, json.dumps(SETTINGS[mode]._asdict()), str(epochs)]
    name = hashlib.sha256("\n".join(depends_on).encode()).hexdigest()[:16]
    parts = GraphParts(space, SCALE, labels, vectors, anchors)
    return Bench(mode, work, encoder, roots, parts, statistics, name, epochs)


# ------------------------------------------------------------------------------------------ scores


def ekman_groups(space: LabelSpace) -> list[int]:
    """Index of the Ekman label of each of the 28."""
    return [EKMAN.index(EKMAN_GROUPS.get(label, label)) for label in space]


def joined(values: Tensor, groups: Sequence[int]) -> Tensor:
    """Largest value of each group of columns: what is said of any of them."""
    result = values.new_zeros(len(values), max(groups) + 1)
    return result.index_reduce(1, torch.tensor(groups), values, "amax", include_self=True)


def best_threshold(probability: Tensor, labels: Tensor) -> float:
    """The one threshold for all labels that gives the largest macro F1."""
    candidates = [0.05 + 0.025 * step for step in range(27)]
    return max(candidates, key=lambda threshold: macro_f1(probability, labels, threshold))


def macro_f1(probability: Tensor, labels: Tensor, threshold: float) -> float:
    metric = MultilabelF1(labels.shape[1], threshold=threshold)
    metric.update(probability, labels)
    return 100 * float(metric.compute())


def scores(said: Answers, thresholds: Sequence[float]) -> dict[str, float]:
    """All metrics in percent; the thresholds are those of the 28 labels and of Ekman's."""
    groups = ekman_groups(label_space(SPACE))
    found: dict[str, float] = {}
    for kind, metric_of in (("Pearson", Pearson), ("CCC", CCC)):
        for number, axis in enumerate("VAD"):
            metric = metric_of(len(SCALE), dim=number)
            metric.update(said.rated, said.dims)
            found[f"{kind} {axis}"] = 100 * float(metric.compute())
    found["macro F1, 28 labels"] = macro_f1(said.probability, said.labels, thresholds[0])
    pair = joined(said.probability, groups), joined(said.labels, groups)
    found["macro F1, Ekman"] = macro_f1(*pair, thresholds[1])
    return found


def thresholds_of(said: Answers) -> list[float]:
    """Thresholds for the 28 labels and for Ekman's, chosen on these answers."""
    groups = ekman_groups(label_space(SPACE))
    pair = joined(said.probability, groups), joined(said.labels, groups)
    return [best_threshold(said.probability, said.labels), best_threshold(*pair)]


# ------------------------------------------------------------------------------------------- cells


def trainer_of(mode: Mode, folder: Path, epochs: int, callbacks: Sequence[Callback] = ()) -> Trainer:
    return Trainer(
        precision="32-true" if mode == "frozen" else "bf16-mixed",
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        callbacks=list(callbacks),
        default_root_dir=folder,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        use_distributed_sampler=False,
        enable_checkpointing=bool(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def answers(
    task: TwoSourceTask, found: Mapping[str, Source], split: str, mode: Mode, folder: Path
) -> Answers:
    """Predict a split of both sources."""
    logits: list[Tensor] = []
    rated: list[Tensor] = []
    for name, kept in ((CATEGORIES, logits), (DIMENSIONS, rated)):
        loader = found[name].examples_dataloader(split)
        predictions = trainer_of(mode, folder, 1).predict(task, cast(Any, loader))
        for part in cast("list[AffectPrediction]", predictions):
            tensor = part.logits if name == CATEGORIES else part.dims
            assert tensor is not None
            kept.append(tensor)
    labels, _ = truth(found[CATEGORIES], split)
    _, dims = truth(found[DIMENSIONS], split)
    assert labels is not None and dims is not None
    return Answers(torch.cat(logits).sigmoid(), labels, torch.cat(rated), dims)


def measure(system: str, seed: int, bench: Bench) -> Cell:
    """Train, choose epoch and thresholds on dev, read the test splits once."""
    began = time.monotonic()
    mode = bench.mode
    folder = bench.work / "runs" / name_of(mode, system, seed)
    if folder.exists():
        # Left by a call that was interrupted within this cell.
        shutil.rmtree(folder)
    found = sources(mode, bench.roots, seed=seed, encoder=bench.encoder)
    task = task_of(system, mode, bench.parts, seed=seed, encoder=bench.encoder, statistics=bench.statistics)
    kept = ResumableCheckpoint(folder, monitor="val/selection")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callbacks: list[Callback] = [kept]
        if SETTINGS[mode].averaging:
            # Its checkpoints hold the averaged weights under the names of the trained ones.
            callbacks.append(EMAWeightAveraging(decay=SETTINGS[mode].averaging))
        trainer = trainer_of(mode, folder, bench.epochs or SETTINGS[mode].epochs, callbacks)
        trainer.fit(task, mixture(system, mode, found, seed=seed))
        state = torch.load(kept.best_model_path, weights_only=True, map_location="cpu")
        task.load_state_dict(state["state_dict"])
        dev = answers(task, found, "val", mode, folder)
        thresholds = thresholds_of(dev)
        test = scores(answers(task, found, "test", mode, folder), thresholds)
    shutil.rmtree(folder)
    return Cell(
        mode,
        system,
        seed,
        dev=scores(dev, thresholds),
        test=test,
        selection=100 * (kept.best_score or 0.0),
        epoch=-1 if kept.best_epoch is None else kept.best_epoch,
        thresholds=thresholds,
        seconds=time.monotonic() - began,
    )


def name_of(mode: Mode, system: str, seed: int) -> str:
    plain = system.replace(": ", "_").replace(", ", "_").replace(" ", "_")
    return f"{mode}-{plain}-{seed}"


def stored_cell(system: str, seed: int, bench: Bench) -> Path:
    folder = bench.fingerprint
    if reads_lexicon(system) and bench.parts.anchors is not None:
        folder += f"-{ratings_name(bench.parts.anchors)}"
    return bench.work / "cells" / folder / f"{name_of(bench.mode, system, seed)}.json"


def ratings_name(anchors: Tensor) -> str:
    """Short name of the ratings: cells of another lexicon are others."""
    return hashlib.sha256(json.dumps(anchors.tolist()).encode()).hexdigest()[:8]


def read_cell(path: Path) -> Cell:
    return Cell(**json.loads(path.read_text(encoding="utf-8")))


def run_cells(wanted: Sequence[tuple[str, int]], bench: Bench, *, only_finished: bool) -> list[Cell]:
    """Every cell, from the work folder where it is finished; no other where that is asked for."""
    cells: list[Cell] = []
    taken: list[float] = []
    for done, (system, seed) in enumerate(wanted, start=1):
        place = f"[{done}/{len(wanted)}] {bench.mode}, {system}, seed {seed}"
        path = stored_cell(system, seed, bench)
        if path.is_file():
            cell = read_cell(path)
        elif only_finished:
            continue
        else:
            each = statistics.mean(taken) if taken else GUESS[bench.mode]
            left = sum(not stored_cell(*other, bench).is_file() for other in wanted[done - 1 :])
            print(f"{place}; about {each * left / 60:.0f} min left", flush=True)
            cell = measure(system, seed, bench)
            taken.append(cell.seconds)
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
            partial.replace(path)
        said = ", ".join(f"{name} {value:.1f}" for name, value in cell.test.items())
        print(
            f"{place}: dev {cell.selection:.2f} at epoch {cell.epoch}; test {said}; {cell.seconds:.0f} s",
            flush=True,
        )
        cells.append(cell)
    return cells


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


def chosen_cells(
    options: argparse.Namespace, bench: Bench, texts: Mapping[str, str]
) -> tuple[list[tuple[str, int]], list[str]]:
    """System and seed of each cell that is asked for, seed after seed; systems that lack a lexicon."""
    systems: Sequence[str] = SYSTEMS
    rated = bench.parts.anchors is not None
    seeds = range(1 if options.quick else options.seeds)
    if bench.mode == "finetuned":
        graph = options.graph
        if graph is None:
            frozen = prepare(
                "frozen",
                bench.work,
                bench.encoder,
                texts,
                epochs=bench.epochs,
                anchors=bench.parts.anchors,
                only_finished=True,
            )
            known = [system for system in SYSTEMS if rated or not reads_lexicon(system)]
            places = [(system, seed) for system in known for seed in seeds]
            graph = best_graph(run_cells(places, frozen, only_finished=True))
        if graph is None:
            raise SystemExit(
                "No frozen cell says which graph to fine-tune: run --mode frozen first, or give --graph."
            )
        systems = (SEPARATE, graph)
    chosen = [name for name in systems if not options.systems or name in options.systems]
    missing = [name for name in chosen if reads_lexicon(name) and not rated]
    return [(name, seed) for seed in seeds for name in chosen if name not in missing], missing


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of goemotions/ and emobank/")
    parser.add_argument("--encoder", required=True, help="folder or hub name of a text model, or 'tiny'")
    parser.add_argument(
        "--lexicon", type=Path, help="word, valence, arousal, dominance in 0..1, tabs between them"
    )
    parser.add_argument("--mode", choices=("frozen", "finetuned", "both"), default="both")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1 (default: 3)")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, help="only these systems")
    parser.add_argument(
        "--graph", choices=[name for name in SYSTEMS if name.startswith(GRAPH)], help="graph to fine-tune"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--work", type=Path, help="folder of shards, features and finished cells")
    parser.add_argument("--finished", action="store_true", help="measure nothing: write what is finished")
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch: does it run?")
    options = parser.parse_args(arguments)
    anchors = None
    if options.lexicon is not None:
        try:
            anchors = read_lexicon(options.lexicon, label_space(SPACE).labels)
        except LexiconError as error:
            parser.error(str(error))
    # Its handlers hold the first stderr, so redirecting does not silence it.
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        texts = shards(options.data, work)
        cells: list[Cell] = []
        left_out: list[tuple[Mode, str]] = []
        modes: Sequence[Mode] = ("frozen", "finetuned") if options.mode == "both" else (options.mode,)
        for mode in modes:
            bench = prepare(
                mode,
                work,
                options.encoder,
                texts,
                epochs=1 if options.quick else None,
                anchors=anchors,
                only_finished=options.finished,
            )
            # After the frozen cells, since they say which graph is fine-tuned.
            wanted, missing = chosen_cells(options, bench, texts)
            left_out += [(mode, system) for system in missing]
            cells += run_cells(wanted, bench, only_finished=options.finished)
        possible = {rule: make for rule, make in RULES.items() if anchors is not None or rule not in RATED}
        made = {rule: links(make(bench.parts)) for rule, make in possible.items()}
    found = rows(cells)
    print(table(found, left_out))
    print(gains(found))
    below = [] if options.quick else failures(found)
    result = {
        "name": "cat_dim_text",
        "command": "python benchmarks/quality/cat_dim_text.py --data DIR --encoder FOLDER "
        + ("--quick" if options.quick else f"--mode {options.mode} --seeds {options.seeds}")
        + ("" if anchors is None else " --lexicon FILE"),
        "environment": environment(),
        "data": "GoEmotions and EmoBank",
        "encoder": named_extractor("text", options.encoder).identity,
        "lexicon": None if anchors is None else f"{len(anchors)} rows, {ratings_name(anchors)}",
        "left_out": left_out,
        "settings": {mode: dict(given._asdict()) for mode, given in SETTINGS.items()},
        "selection": "epoch and thresholds on dev; test read once for each cell",
        "graphs": made,
        "cells": [cell._asdict() for cell in cells],
        "rows": found,
        "limit": {"what": f"marks of {SEPARATE}: {json.dumps(LEAST)}", "failures": below},
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(below))
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
