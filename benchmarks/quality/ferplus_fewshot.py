"""Adapters of a small CLIP model taught new expressions from 1, 4 and 16 faces each, on FER+.

An image tower learns neutral, happiness, surprise and anger towards the sentences of a frozen sentence
encoder; faces with any vote for another emotion are left out. Then every adapter is taught sadness, fear,
disgust and contempt from a few faces of the train file. What has to be chosen is chosen on other faces of the
train file, and the valid file is read once for each cell, afterwards. A finished cell is kept in the work
folder, and the same call after an interruption goes on with the others.

    python benchmarks/quality/ferplus_fewshot.py --data DIR --encoder FOLDER --seeds 3 --out fewshot.json
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import open_clip
import torch
import transformers
from ferplus_adapt import STOPS, System, Views, logits_of, teach
from ferplus_base import BaseSettings, image_features, trained_base
from ferplus_faces import KNOWN, NEW, Faces, draw_shots, read_faces
from matplotlib.figure import Figure
from torch import Tensor

from affectkit.adapters import TEMPLATES
from affectkit.encoders import weights_digest
from affectkit.encoders.clip import ClipBase
from affectkit.report.figures.style import MUTED, PALETTE, figure_style

SHOTS: Final = (1, 4, 16)
#: Faces of each class that settings are chosen on, at any number of shots.
SELECTION: Final = 16
CHANCE: Final = 100 / len(NEW)
RESAMPLES: Final = 2000
#: Seconds of a cell, to announce before one has been measured on this machine.
GUESS: Final = 45.0

#: What is told of each cell beside its scores.
CHOSEN: Final = ("system", "shots", "seed", "rate", "step", "options")

_SEEN: Final = {"templates": TEMPLATES["seen"]}
_WORDS: Final = {"words": "a photo of a face showing"}
_DESCRIPTORS: Final = (
    "sadness: the corners of the mouth are down, the inner ends of the brows are up, the eyes look down",
    "fear: the eyes are wide open, the brows are up and drawn together, the lips are stretched",
    "disgust: the nose is wrinkled, the upper lip is up, the eyes are narrow",
    "contempt: one corner of the mouth is tight and up, the head is tilted back",
)
_CACHES: Final = tuple(
    {"alpha": alpha, "beta": beta} for alpha in (0.5, 2.0, 8.0) for beta in (1.0, 4.0, 16.0, 64.0)
)
#: Name to adapter. Whatever learns has three rates and four stops, so twelve candidates each. CLIP-LoRA
#: encodes its sentences anew at each step, so it has one of them only.
SYSTEMS: Final[Mapping[str, System]] = {
    "zero-shot": System("zero_shot", _SEEN),
    "linear probe": System("linear_probe", {}, (3e-5, 3e-4, 3e-3)),
    "CoOp": System("coop", _WORDS, (5e-4, 2e-3, 8e-3)),
    "CoOp, class-specific": System("coop", {**_WORDS, "class_specific": True}, (5e-4, 2e-3, 8e-3)),
    "descriptor": System("descriptor", {"descriptors": _DESCRIPTORS}, (5e-4, 2e-3, 8e-3)),
    "CoCoOp": System("cocoop", _WORDS, (5e-4, 2e-3, 8e-3), batch=4),
    "MaPLe": System("maple", _WORDS, (5e-4, 2e-3, 8e-3)),
    "CLIP-Adapter": System("clip_adapter", _SEEN, (1e-4, 1e-3, 1e-2)),
    "Tip-Adapter": System("tip_adapter", _SEEN, tried=_CACHES),
    "Tip-Adapter-F": System("tip_adapter", {**_SEEN, "trainable": True}, (1e-4, 1e-3, 1e-2)),
    "CLIP-LoRA": System("clip_lora", {"templates": TEMPLATES["seen"][:1]}, (2e-4, 1e-3, 5e-3)),
}


class Cell(NamedTuple):
    """One system taught with one number of shots and one seed; ``guess`` is its answer to each test face."""

    system: str
    shots: int
    seed: int
    selection_uar: float
    rate: float | None
    step: int
    options: dict[str, Any]
    candidates: int
    trained_numbers: int
    guess: list[int]
    seconds: float


class Size(NamedTuple):
    """How much is run."""

    seeds: int
    shots: tuple[int, ...] = SHOTS
    selection: int = SELECTION
    stops: tuple[int, ...] = STOPS
    base: BaseSettings = BaseSettings()

    def wanted(self) -> list[tuple[str, int, int]]:
        """System, shots and seed of every cell; without shots there is nothing to repeat."""
        taught = [name for name in SYSTEMS if name != "zero-shot"]
        grid = [(name, shots, seed) for seed in range(self.seeds) for shots in self.shots for name in taught]
        return [("zero-shot", 0, 0), *grid]


QUICK: Final = Size(1, (1,), 2, (1, 2), BaseSettings(width=64, layers=1, epochs=1))


def measure(
    system: str, views: Views, test: Faces, features: Tensor, *, shots: int, seed: int, size: Size
) -> Cell:
    """Choose on the selection faces, then answer for every test face once."""
    began = time.monotonic()
    taught = teach(SYSTEMS[system], views, seed=seed, stops=size.stops)
    guess = logits_of(taught.adapter, test, features).argmax(1).tolist()
    choice = taught.choice
    return Cell(
        system,
        shots,
        seed,
        selection_uar=100 * choice.uar,
        rate=choice.rate,
        step=choice.step,
        options=dict(choice.options),
        candidates=taught.candidates,
        trained_numbers=taught.trained_numbers,
        guess=guess,
        seconds=time.monotonic() - began,
    )


def run_cells(base: ClipBase, train: Faces, test: Faces, size: Size, *, store: Path) -> list[Cell]:
    """Every cell, from the store where it is finished."""
    store.mkdir(parents=True, exist_ok=True)
    wanted = size.wanted()
    cells: list[Cell] = []
    taken: list[float] = []
    features: Tensor | None = None
    views: Views | None = None
    drawn: tuple[int, int] | None = None
    for done, (system, shots, seed) in enumerate(wanted, start=1):
        path = store / f"{system.replace(' ', '_')}-{shots}-{seed}.json"
        if path.is_file():
            cells.append(Cell(**json.loads(path.read_text(encoding="utf-8"))))
            continue
        if features is None:
            features = image_features(base, test.pixels)
        if views is None or drawn != (shots, seed):
            faces = draw_shots(train, shots=max(1, shots), selection=size.selection, seed=seed)
            views, drawn = Views(base, faces, seed=seed), (shots, seed)
        cell = measure(system, views, test, features, shots=shots, seed=seed, size=size)
        taken.append(cell.seconds)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
        partial.replace(path)
        left = statistics.mean(taken) * (len(wanted) - done)
        print(
            f"[{done}/{len(wanted)}] {system}, {shots} shots, seed {seed}: "
            f"UAR on selection {cell.selection_uar:.1f}, {cell.seconds:.0f} s; "
            f"about {left / 60:.0f} min left",
            flush=True,
        )
        cells.append(cell)
    return cells


def scores(guess: Tensor, label: Tensor) -> dict[str, Tensor]:
    """UAR, accuracy and recall of each class in percent, for guesses (..., N)."""
    right = (guess == label).double()
    recall = torch.stack([right[..., label == place].mean(-1) for place in range(len(NEW))], dim=-1)
    return {
        "UAR": 100 * recall.mean(-1),
        "accuracy": 100 * right.mean(-1),
        **{f"recall of {name}": 100 * recall[..., place] for place, name in enumerate(NEW)},
    }


def bootstrap(guess: Tensor, label: Tensor) -> dict[str, Tensor]:
    """Scores as means over seeds, (RESAMPLES,) of each, with test faces drawn anew within each class.

    The draws are the same at every call, so that two systems can be compared draw by draw.
    """
    generator = torch.Generator().manual_seed(0)
    columns: list[Tensor] = []
    for place in range(len(NEW)):
        rows = (label == place).nonzero().flatten()
        columns.append(rows[torch.randint(len(rows), (RESAMPLES, len(rows)), generator=generator)])
    index = torch.cat(columns, dim=1)
    # Drawn within the classes, so the labels of a resample stand in this order in every row.
    ordered = label[index[0]]
    means = [scores(each[index], ordered) for each in guess]
    return {name: torch.stack([score[name] for score in means]).mean(0) for name in means[0]}


def interval(values: Tensor) -> list[float]:
    """95 % percentile interval."""
    ends = torch.quantile(values, torch.tensor([0.025, 0.975], dtype=values.dtype))
    return [round(float(end), 2) for end in ends]


def rows(cells: Sequence[Cell], label: Tensor) -> list[dict[str, Any]]:
    """Mean and standard deviation over seeds, and bootstrap interval, of each system, shots and metric."""
    found: list[dict[str, Any]] = []
    unseen = torch.tensor([cell.guess for cell in cells if cell.system == "zero-shot"])
    start, start_drawn = float(scores(unseen, label)["UAR"]), bootstrap(unseen, label)["UAR"]
    for system, shots in dict.fromkeys((cell.system, cell.shots) for cell in cells):
        mine = [cell for cell in cells if (cell.system, cell.shots) == (system, shots)]
        guess = torch.tensor([cell.guess for cell in mine])
        drawn = bootstrap(guess, label)
        measured = {name: value.tolist() for name, value in scores(guess, label).items()}
        measured["selection UAR"] = [cell.selection_uar for cell in mine]
        if system != "zero-shot":
            measured["UAR over zero-shot"] = [value - start for value in measured["UAR"]]
            drawn["UAR over zero-shot"] = drawn["UAR"] - start_drawn
        for name, values in measured.items():
            found.append(
                {
                    "system": system,
                    "shots": shots,
                    "metric": name,
                    "value": round(statistics.mean(values), 2),
                    "sd": round(statistics.stdev(values), 2) if len(values) > 1 else None,
                    "n": len(values),
                    "values": [round(value, 2) for value in values],
                    "interval": interval(drawn[name]) if name in drawn else None,
                }
            )
    return found


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each system, in Markdown: UAR at each number of shots, then accuracy."""
    shots = sorted({row["shots"] for row in found} - {0})
    names = [f"{name}, {_shots(count)}" for name in ("UAR", "accuracy") for count in shots]
    lines = [f"| adapter | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for system in dict.fromkeys(row["system"] for row in found):
        mine = {(row["metric"], row["shots"]): row for row in found if row["system"] == system}
        figures = []
        for metric in ("UAR", "accuracy"):
            for count in shots:
                row = mine.get((metric, count)) or mine[metric, 0]
                spread = "" if row["sd"] is None else f" ± {row['sd']:.1f}"
                low, high = row["interval"]
                figures.append(
                    f"{row['value']:.1f}{spread}" + (f" [{low:.1f}, {high:.1f}]" if metric == "UAR" else "")
                )
        lines.append(f"| {system} | {' | '.join(figures)} |")
    return "\n".join(lines)


def plot(found: Sequence[Mapping[str, Any]]) -> Figure:
    """UAR over the number of shots, one panel for each adapter, the others behind it in grey."""
    uar = {(row["system"], row["shots"]): row for row in found if row["metric"] == "UAR"}
    taught = [name for name in dict.fromkeys(name for name, _ in uar) if name != "zero-shot"]
    shots = sorted({count for _, count in uar} - {0})
    columns = 5
    with figure_style():
        figure = Figure(figsize=(11, 2.5 * -(-len(taught) // columns)), layout="constrained")
        panels = figure.subplots(-(-len(taught) // columns), columns, sharex=True, sharey=True, squeeze=False)
        for place, axes in enumerate(panels.flat):
            if place >= len(taught):
                axes.remove()
                continue
            for name in taught:
                axes.plot(
                    shots, [uar[name, count]["value"] for count in shots], color=MUTED, alpha=0.3, lw=0.8
                )
            mine = [uar[taught[place], count] for count in shots]
            low, high = zip(*(row["interval"] for row in mine))
            axes.fill_between(
                shots, low, high, color=PALETTE[0], alpha=0.2, lw=0, label="95 % interval, test faces"
            )
            axes.plot(shots, [row["value"] for row in mine], "o-", color=PALETTE[0])
            axes.axhline(uar["zero-shot", 0]["value"], color=PALETTE[1], ls="--", lw=1, label="zero-shot")
            axes.axhline(CHANCE, color=MUTED, ls=":", lw=1, label="chance")
            axes.set_xscale("log", base=2)
            axes.set_xticks(shots, [str(count) for count in shots])
            axes.set_title(taught[place])
        panels[0, 0].legend(fontsize=7, loc="upper left")
        figure.supxlabel("faces of each class to learn from")
        figure.supylabel("UAR, percent")
    return figure


def _shots(count: int) -> str:
    return f"{count} shot" + ("" if count == 1 else "s")


def environment(device: torch.device) -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    gpu = f", {torch.cuda.get_device_name()}" if device.type == "cuda" else ""
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} threads{gpu}",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "open_clip": open_clip.__version__,
            "transformers": transformers.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER+'s files, or of ferplus/")
    parser.add_argument("--encoder", required=True, help="local folder of a sentence encoder")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1 (default: 3)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--plot", type=Path, help="PNG file to write")
    parser.add_argument("--work", type=Path, help="folder of the trained base and finished cells")
    parser.add_argument("--quick", action="store_true", help="one seed, one shot, a tiny tower: does it run?")
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else Size(options.seeds)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        splits = read_faces(options.data)
        known, train, test = splits["train"].known, splits["train"].new, splits["val"].new
        print(f"base: {_numbers(KNOWN, known)}; new, train file: {_numbers(NEW, train)}", flush=True)
        print(f"test, valid file: {_numbers(NEW, test)}", flush=True)
        print(
            f"{len(size.wanted())} cells, about {len(size.wanted()) * GUESS / 60:.0f} min on two cores",
            flush=True,
        )
        trained = trained_base(options.encoder, known, size.base, device=device, work=work)
        print(f"base on known classes held out: UAR {trained.known_uar:.1f}", flush=True)
        systems = hashlib.sha256(repr((SYSTEMS, size, trained.known_uar)).encode()).hexdigest()[:12]
        cells = run_cells(trained.base, train, test, size, store=work / f"cells-{systems}")
    found = rows(cells, test.label)
    print(table(found))
    result = {
        "name": "ferplus_fewshot",
        "command": "python benchmarks/quality/ferplus_fewshot.py --data DIR --encoder FOLDER "
        + ("--quick" if options.quick else f"--seeds {size.seeds}"),
        "environment": environment(device),
        "data": "FER+",
        "encoder": {"width": trained.base.embed_dim, "digest": weights_digest(trained.base.require_text())},
        "base": {
            **size.base._asdict(),
            "faces": dict(zip(KNOWN, known.counts())),
            "known_uar": round(trained.known_uar, 2),
            "known_accuracy": round(trained.known_accuracy, 2),
            "seconds": round(trained.seconds),
        },
        "test_faces": dict(zip(NEW, test.counts())),
        "selection": f"rate, stop and options by UAR on {size.selection} train faces of each class; "
        "valid file read once for each cell",
        "candidates": {cell.system: cell.candidates for cell in cells},
        "trained_numbers": {cell.system: cell.trained_numbers for cell in cells},
        "image_tower_numbers": sum(number.numel() for number in trained.base.image.parameters()),
        "chosen": [
            {name: value for name, value in cell._asdict().items() if name in CHOSEN} for cell in cells
        ],
        "seconds": {
            name: round(statistics.mean(cell.seconds for cell in cells if cell.system == name))
            for name in SYSTEMS
        },
        "rows": found,
        "limit": {"what": "none: the numbers are reported as they are", "failures": []},
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.plot is not None:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        plot(found).savefig(options.plot, dpi=120)
    return 0


def _numbers(names: Sequence[str], faces: Faces) -> str:
    return ", ".join(f"{name} {count}" for name, count in zip(names, faces.counts()))


if __name__ == "__main__":
    raise SystemExit(main())
