"""What a student of faces gains from a teacher, from prototypes and from a geometric prior, on FER+.

An ablation after NeuroGaze-Distill with a picture teacher: a larger network is trained on the same faces, its
answers are stored, its features on faces held out of training become a 5 x 5 grid of prototypes, each face
lying at the mean valence and arousal of its votes. Then a small student learns from labels alone, with the
teacher's scores, with the prototypes and with the prior, and, as controls, from the votes themselves and with
random prototypes. All students see the same faces equally often; nothing is chosen by the valid file, which
is read once for each cell, after the last epoch. Each student is also scored on the same faces in another
label space, that of FER2013, all-class and present-only side by side.

No EEG is used and none is claimed: the published prototypes are of a teacher on EEG, which is not public.

    python benchmarks/quality/ferplus_distill.py --data DIR --out ferplus_distill.json
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import math
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import timm
import torch
from ferplus_crossed import CROSSED_NOTE, crossed_rows, crossed_scores, crossed_table, other_labels
from ferplus_student import SIZES, SPACE, Answers, Rows, Size, Student, answers_of, fit, read_rows
from safetensors.torch import load_file, save_file
from torch import Tensor

from affectkit.distill import VAPrototypeGrid
from affectkit.labels import ValenceArousalWheel
from affectkit.metrics import label_scope_metrics
from affectkit.tasks.distill_loss import DistillTerms

#: One face in so many of the training rows is kept out of training: prototypes are made of these.
HELD_OUT: Final = 10
SCORES: Final = ("accuracy", "macro_f1_all", "uar_all")
NAMES: Final = {"accuracy": "accuracy", "macro_f1_all": "macro F1", "uar_all": "balanced accuracy"}
_NONE: Final = {"kd_weight": 0.0, "prototype_weight": 0.0, "geometry_weight": 0.0}
_KD: Final = {"prototype_weight": 0.0, "geometry_weight": 0.0}
_PROTO: Final = {"geometry_weight": 0.0}

#: Options of each system's loss; what is not named has the published weight.
SYSTEMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "CE": _NONE,
    "votes": {**_NONE, "objective": "votes"},
    "CE + KD": _KD,
    "CE + KD + prototypes": _PROTO,
    "CE + KD + random prototypes": _PROTO,
    "CE + KD + prototypes + prior": {},
}
#: README of the official code, FERPlus valid, 8-way: ResNet-18, 224 pixels, 100 epochs, EEG prototypes.
PUBLISHED: Final = {
    "CE": (78.22, 51.29, 49.77),
    "CE + KD": (82.31, 63.56, 59.28),
    "CE + KD + prototypes": (81.48, 64.21, 60.30),
    "CE + KD + prototypes + prior": (83.06, 64.74, 59.90),
}
NOTE: Final = (
    "The prototypes of this table are of a teacher on pictures; no EEG is used and nothing is claimed about "
    "EEG. The published rows use prototypes of a teacher on EEG, other networks and larger pictures."
)


class Cell(NamedTuple):
    """One system with one seed, in percent."""

    system: str
    seed: int
    scores: dict[str, float]
    crossed: dict[str, dict[str, float]]
    guess: list[int]
    seconds: float


def scores_of(logits: Tensor, label: Tensor) -> dict[str, float]:
    """Accuracy, macro F1 and balanced accuracy over all eight labels, in percent."""
    metrics = label_scope_metrics(len(SPACE))
    metrics.update(logits, label)
    values = metrics.compute()
    return {name: 100 * float(values[name]) for name in SCORES}


def places_of(votes: Tensor) -> Tensor:
    """Valence and arousal (N, 2) of faces: the mean place of their votes."""
    anchors = torch.tensor(ValenceArousalWheel().anchors(SPACE), dtype=torch.float64)
    return votes.double() @ anchors / votes.double().sum(1, keepdim=True)


class Taught(NamedTuple):
    """A teacher's answers to the training rows, its prototypes, and how well it does."""

    answers: Answers
    grid: VAPrototypeGrid
    scores: dict[str, float]
    seconds: float


def train_teacher(
    train: Rows, held: Rows, test: Rows, size: Size, *, device: torch.device, work: Path
) -> Taught:
    """Train the teacher on the votes, or read what it said before."""
    place = work / "teacher"
    if (place / "facts.json").is_file():
        stored = load_file(place / "answers.safetensors")
        facts = json.loads((place / "facts.json").read_text(encoding="utf-8"))
        return Taught(Answers(**stored), VAPrototypeGrid.load(place / "grid.safetensors"), **facts)
    began = time.monotonic()
    terms = DistillTerms(**SYSTEMS["votes"])
    model = fit(train, size, size.teacher, terms, seed=0, device=device, title="teacher")
    answers = answers_of(model, train.pixels, size, device=device)
    grid = VAPrototypeGrid.from_features(
        answers_of(model, held.pixels, size, device=device).embedding,
        places_of(held.votes),
        origin="a teacher on pictures of FER+, held out of training, places by votes",
    )
    found = answers_of(model, test.pixels, size, device=device)
    taught = Taught(answers, grid, scores_of(found.logits, test.label), time.monotonic() - began)
    place.mkdir(parents=True, exist_ok=True)
    save_file(answers._asdict(), place / "answers.safetensors")
    grid.save(place / "grid.safetensors")
    # Last: with it, the teacher counts as finished.
    facts = {"scores": taught.scores, "seconds": taught.seconds}
    (place / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    return taught


def run_cells(
    train: Rows, test: Rows, size: Size, taught: Taught, *, seeds: int, device: torch.device, work: Path
) -> Iterator[Cell]:
    """Every system with every seed, from the store where it is finished."""
    wanted = [(system, seed) for seed in range(seeds) for system in SYSTEMS]
    taken: list[float] = []
    for done, (system, seed) in enumerate(wanted, start=1):
        path = work / f"{system.replace(' ', '_')}-{seed}.json"
        if path.is_file():
            yield Cell(**json.loads(path.read_text(encoding="utf-8")))
            continue
        began = time.monotonic()
        grid: VAPrototypeGrid | None = None
        if "prototypes" in system:
            random = VAPrototypeGrid.random(taught.grid.feature_dim, seed=seed)
            grid = random if "random" in system else taught.grid
        terms = DistillTerms(label_smoothing=0.055, **SYSTEMS[system])
        answers = taught.answers if terms.reads_teacher else None
        model = fit(train, size, size.student, terms, seed=seed, device=device, grid=grid, answers=answers)
        logits = answers_of(model, test.pixels, size, device=device).logits
        cell = Cell(
            system,
            seed,
            scores_of(logits, test.label),
            crossed_scores(logits, other_labels(test.label)),
            logits.argmax(1).tolist(),
            time.monotonic() - began,
        )
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
        partial.replace(path)
        taken.append(cell.seconds)
        left = statistics.mean(taken) * (len(wanted) - done)
        print(
            f"[{done}/{len(wanted)}] {system}, seed {seed}: {cell.scores['accuracy']:.1f} / "
            f"{cell.scores['macro_f1_all']:.1f} / {cell.scores['uar_all']:.1f}, {cell.seconds:.0f} s; about "
            f"{left / 60:.0f} min left",
            flush=True,
        )
        yield cell


def table_rows(cells: Sequence[Cell], taught: Taught) -> list[dict[str, Any]]:
    """Mean and spread over seeds, differences seed by seed, and the published rows."""
    by = {(cell.system, cell.seed): cell.scores for cell in cells}
    seeds = sorted({cell.seed for cell in cells})
    found: list[dict[str, Any]] = [
        {"system": "teacher", "metric": NAMES[name], "value": round(value, 2), "sd": None, "n": 1}
        for name, value in taught.scores.items()
    ]
    for system in SYSTEMS:
        for name in SCORES:
            values = [by[system, seed][name] for seed in seeds]
            found.append({"system": system, "metric": NAMES[name], **_spread(values)})
    pairs = [(system, "CE") for system in list(SYSTEMS)[1:]]
    pairs += [(system, "CE + KD") for system in list(SYSTEMS)[3:]]
    pairs += [("CE + KD + prototypes", "CE + KD + random prototypes")]
    for system, base in pairs:
        for name in SCORES:
            values = [by[system, seed][name] - by[base, seed][name] for seed in seeds]
            found.append({"system": f"{system} minus {base}", "metric": NAMES[name], **_spread(values)})
    for system in SYSTEMS:
        found += crossed_rows(system, [cell.crossed for cell in cells if cell.system == system])
    for system, figures in PUBLISHED.items():
        for name, value in zip(SCORES, figures, strict=True):
            found.append(
                {
                    "system": f"{system} (EEG prototypes)" if "prototypes" in system else system,
                    "metric": NAMES[name],
                    "value": value,
                    "sd": None,
                    "n": None,
                    "published": True,
                    "source": "NeuroGaze-Distill, README of the official code: ResNet-18, 224 pixels, "
                    "100 epochs",
                }
            )
    return found


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {
        "value": round(statistics.mean(values), 2),
        "sd": round(statistics.stdev(values), 2) if len(values) > 1 else None,
        "n": len(values),
        "values": [round(value, 2) for value in values],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line for each system, in Markdown, with what the prototypes are of below."""
    lines = [f"| system | {' | '.join(NAMES.values())} |", "|---" * (len(NAMES) + 1) + "|"]
    for published in (False, True):
        mine = [row for row in rows if bool(row.get("published")) == published and "scope" not in row]
        for system in dict.fromkeys(row["system"] for row in mine):
            cells = []
            for metric in NAMES.values():
                row = next(each for each in mine if (each["system"], each["metric"]) == (system, metric))
                sign = "+" if " minus " in system else ""
                spread = "" if row["sd"] is None else f" ± {row['sd']:.1f}"
                cells.append(f"{row['value']:{sign}.1f}{spread}")
            lines.append(f"| {system}{', published' if published else ''} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", NOTE])


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
            "timm": timm.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER+'s files, or of ferplus/")
    parser.add_argument("--size", choices=sorted(SIZES), help="default: full with a GPU, else cpu")
    parser.add_argument("--quick", action="store_true", help="the same as --size quick --seeds 1")
    parser.add_argument("--rows", type=int, help="training faces to use, drawn once by seed 0; 0 = all")
    parser.add_argument("--epochs", type=int, help="epochs of each student; the teacher gets a third more")
    parser.add_argument("--seeds", type=int, help="seeds 0 to N-1 (default: 3)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--work", type=Path, help="folder of finished cells")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = "quick" if options.quick else options.size or ("full" if device.type == "cuda" else "cpu")
    size = SIZES[name]
    seeds: int = options.seeds or size.repeats
    if options.rows is not None:
        size = size._replace(rows=options.rows)
    if options.epochs is not None:
        size = size._replace(
            student=size.student._replace(epochs=options.epochs),
            teacher=size.teacher._replace(epochs=math.ceil(options.epochs * 4 / 3)),
        )
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work = work / hashlib.sha256(repr((size, SYSTEMS)).encode()).hexdigest()[:12]
        work.mkdir(parents=True, exist_ok=True)
        files = read_rows(options.data)
        drawn = torch.randperm(len(files["train"].label), generator=torch.Generator().manual_seed(0))
        chosen = files["train"].take(drawn[: size.rows or None])
        held, train = (chosen.take(index) for index in _held_out(len(chosen.label)))
        test = files["val"]
        print(
            f"{len(train.label)} faces to train on, {len(held.label)} for prototypes, {len(test.label)} to "
            f"test on; {len(SYSTEMS) * seeds} cells after the teacher",
            flush=True,
        )
        taught = train_teacher(train, held, test, size, device=device, work=work)
        print(
            f"teacher: {taught.scores}, {taught.seconds:.0f} s; grid: {len(taught.grid.filled)} cells filled"
        )
        cells = list(run_cells(train, test, size, taught, seeds=seeds, device=device, work=work))
    found = table_rows(cells, taught)
    print(table(found))
    print(crossed_table(found))
    result = {
        "name": "ferplus_distill",
        "command": "python benchmarks/quality/ferplus_distill.py --data DIR "
        f"--size {name} --rows {size.rows} --epochs {size.student.epochs} --seeds {seeds}",
        "environment": environment(device),
        "data": "FER+",
        "note": NOTE,
        "crossed_note": CROSSED_NOTE,
        "settings": {
            **{key: value for key, value in size._asdict().items() if key not in ("student", "teacher")},
            "student": size.student._asdict(),
            "teacher": size.teacher._asdict(),
            "train_faces": len(train.label),
            "prototype_faces": len(held.label),
            "test_faces": len(test.label),
            "train_counts": dict(zip(SPACE, train.label.bincount(minlength=len(SPACE)).tolist())),
            "test_counts": dict(zip(SPACE, test.label.bincount(minlength=len(SPACE)).tolist())),
            "class_weights": "none",
            "selection": "none: the last epoch; valid file read once for each cell",
        },
        "parameters": {
            "student": sum(p.numel() for p in Student(size.student).parameters()),
            "teacher": sum(p.numel() for p in Student(size.teacher).parameters()),
        },
        "grid": {
            "version": taught.grid.version,
            "counts": taught.grid.counts.tolist(),
            "filled": list(taught.grid.filled),
        },
        "seconds": {
            "teacher": round(taught.seconds),
            **{
                system: round(statistics.mean(cell.seconds for cell in cells if cell.system == system))
                for system in SYSTEMS
            },
        },
        "rows": found,
        "limit": {"what": "none: the numbers are reported as they are", "failures": []},
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def _held_out(count: int) -> tuple[Tensor, Tensor]:
    place = torch.arange(count)
    cut = max(1, count // HELD_OUT)
    return place[:cut], place[cut:]


if __name__ == "__main__":
    raise SystemExit(main())
