"""Prediction on pictures as files, beside reading them alone and running the model alone, in one run.

JPEG files of drawn noise, 512 px (``--file-size``), shown at 128 px. Systems take turns in one process; a
number is the median over rounds of the wall time of a whole pass, divided by its pictures. "read" decodes
and joins the same batches as prediction does, on one thread; "forward" runs the model over batches that lie
in memory; "both at once" does the two on a thread each that know nothing of each other, and is done when
the slower one is; "predict" is `affectkit predict` without its start: reading, digests, model,
probabilities and the table. The limit is the slower of reading and running as they are while they overlap,
which is "both at once" where this process has two cores, and the sum of both where it has one. What
prediction takes of the slower one of both when each has the machine to itself stands beside it: two cores
of one machine share its memory and caches, so that nobody reaches it where both cost the same. One model is
linear, the other's forward costs about what reading does. Memory is the peak of a process of its own.

    python benchmarks/speed/predict.py --out predict.json
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import ItemTarget, PictureView
from affectkit.fusion import ConcatFusion
from affectkit.heads import ClassificationHead
from affectkit.labels import label_space
from affectkit.losses import ClassificationLoss
from affectkit.predict import PicturePredictor, PredictItem, find_pictures, write_predictions
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput, Encoding

BATCH: Final = 16
FILE_SIZE: Final = 512
SIZE: Final = 128
SPACE: Final = "affectnet8.official"
AT_ONCE: Final = "both at once"
#: By how much prediction may be slower than its limit.
ALLOWED: Final = 1.15
#: By how much the memory of many pictures may exceed that of a tenth of them.
MEMORY_ALLOWED: Final = 1.05

Row = dict[str, str | int | float | bool]


def make_pictures(root: Path, count: int, size: int) -> Path:
    """A folder of JPEG files that do not compress to nothing: coarse noise, drawn smoothly."""
    folder = root / f"pictures-{size}"
    if folder.is_dir():
        return folder
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for number in range(count):
        coarse = draw.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:05}.jpg", quality=90)
    return folder


class Linear(nn.Module):
    """Mean colour of 8 x 8 places."""

    out_dim = 192

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode pictures."""
        pooled = nn.functional.adaptive_avg_pool2d(x.float() / 255, 8)
        return Encoding(pooled.flatten(1))


class Convolutions(nn.Module):
    """A stem and so many equal layers on its map."""

    out_dim = 32

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, stride=4)
        self.layers = nn.ModuleList(nn.Conv2d(32, 32, 3, padding=1) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode pictures."""
        found: Tensor = self.stem(x.float() / 255)
        for layer in self.layers:
            step: Tensor = layer(found)
            found = step.relu()
        return Encoding(found.mean((2, 3)))


def task_of(encoder: Linear | Convolutions) -> AffectTask:
    """A classifier on one encoder."""
    space = label_space(SPACE)
    return AffectTask(
        {"visual": encoder},
        fusion=ConcatFusion({"visual": encoder.out_dim}, out_dim=32),
        head=ClassificationHead(32, len(space)),
        loss=ClassificationLoss(len(space)),
        label_space=space,
    )


def read(items: list[PredictItem]) -> Iterator[AffectBatch]:
    """Batches of the items, as prediction reads them and nothing else."""
    view = PictureView(SIZE)
    decode, collate = view.decoder(), view.collate(ItemTarget(label_table=None))
    for start in range(0, len(items), BATCH):
        samples = [decode(item.read()) for item in items[start : start + BATCH]]
        keys = [item.path for item in items[start : start + BATCH]]
        yield collate(samples, keys=keys, positions=range(len(keys)), valid=[True] * len(keys))


def run_model(task: AffectTask, batches: list[AffectBatch], count: int) -> None:
    """The forward over as many batches as ``count`` pictures make, taken from memory."""
    with torch.inference_mode():
        for batch in islice(cycle(batches), count // BATCH):
            output: AffectOutput = task(batch)
            assert output.logits is not None


class Taken(NamedTuple):
    """Seconds of a pass: on the clock, and of all threads."""

    wall: float
    cpu: float


def seconds(run: Callable[[], object]) -> Taken:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def layers_like_reading(items: list[PredictItem]) -> int:
    """How many convolutions cost what reading costs."""
    some = items[: 8 * BATCH]
    batches = list(read(some))
    few, many = (task_of(Convolutions(layers)).eval() for layers in (1, 9))

    def best(run: Callable[[], object]) -> float:
        # CPU time: what else the machine does must not decide which model is measured.
        return min(seconds(run).cpu for _ in range(5))

    reading = best(lambda: list(read(some)))
    low, high = (best(partial(run_model, task, batches, len(some))) for task in (few, many))
    return max(1, 1 + round((reading - low) / max((high - low) / 8, 1e-9)))


def measure(task: AffectTask, items: list[PredictItem], folder: Path, rounds: int) -> dict[str, list[Taken]]:
    """Seconds a picture of each system, for each round; systems take turns, in turning order."""
    predictor = PicturePredictor(task, PictureView(SIZE), batch_size=BATCH, device="cpu")
    batches = list(read(items[: 16 * BATCH]))

    def predict() -> None:
        report = write_predictions(predictor, items, out=folder / "table.csv")
        if report.unread or report.rows != len(items):
            raise SystemExit(f"{report.unread} of {report.rows} pictures were not read.")

    def read_all() -> None:
        assert sum(len(batch) for batch in read(items)) == len(items)

    def run_all() -> None:
        run_model(task, batches, len(items))

    def at_once() -> None:
        with ThreadPoolExecutor(max_workers=2) as pool:
            for future in [pool.submit(read_all), pool.submit(run_all)]:
                future.result()

    runs: dict[str, Callable[[], object]] = {
        "read": read_all,
        "forward": run_all,
        AT_ONCE: at_once,
        "predict": predict,
        "predict, rows alone": lambda: sum(1 for _ in predictor.rows(items)),
    }
    found: dict[str, list[Taken]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds + 1):  # the first one warms up and is not counted
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            gc.collect()
            taken = seconds(runs[name])
            if turn:
                found[name].append(Taken(taken.wall / len(items), taken.cpu / len(items)))
    return found


def overlaps() -> bool:
    """Whether this process may use two cores at once."""
    return len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) > 1


def compare(root: Path, pictures: Path, count: int, rounds: int) -> tuple[list[Row], list[str]]:
    """Rows of all systems with both models, and what misses its limit."""
    items = find_pictures([pictures])[: count // BATCH * BATCH]
    layers = layers_like_reading(items)
    models: dict[str, Linear | Convolutions] = {
        "linear": Linear(),
        f"{layers} convolutions, as dear as reading": Convolutions(layers),
    }
    rows: list[Row] = []
    failures: list[str] = []
    print(
        f"{'':44}{'us a picture':>14}{'sd':>8}{'of the limit':>14}{'of slower, alone':>18}{'CPU of both':>13}"
    )
    for model, encoder in models.items():
        found = measure(task_of(encoder).eval(), items, root, rounds)
        pairs = list(zip(found["read"], found["forward"], strict=True))
        slower = [max(one.wall, other.wall) for one, other in pairs]
        limits = [taken.wall for taken in found[AT_ONCE]]
        if not overlaps():
            limits = [one.wall + other.wall for one, other in pairs]
        needed = [one.cpu + other.cpu for one, other in pairs]
        for system, times in found.items():
            walls, cpus = [taken.wall for taken in times], [taken.cpu for taken in times]
            # ratios of each round, since what else the machine does changes from round to round
            ratio = statistics.median(one / limit for one, limit in zip(walls, limits, strict=True))
            alone = statistics.median(one / limit for one, limit in zip(walls, slower, strict=True))
            share = statistics.median(one / both for one, both in zip(cpus, needed, strict=True))
            row: Row = {
                "system": system,
                "model": model,
                "metric": "us wall a picture",
                "value": round(1e6 * statistics.median(walls), 1),
                "sd": round(1e6 * statistics.pstdev(walls), 1),
                "n": rounds,
                "pictures_per_second": round(1 / statistics.median(walls), 1),
                "times_the_limit": round(ratio, 3),
                "times_the_slower_alone": round(alone, 3),
                "us_cpu": round(1e6 * statistics.median(cpus), 1),
                "cpu_times_read_and_forward": round(share, 3),
            }
            rows.append(row)
            name = f"{system}, {model}"
            numbers = f"{row['value']:>14}{row['sd']:>8}{ratio:>14.3f}{alone:>18.3f}{share:>13.3f}"
            print(f"{name:44.43}{numbers}", flush=True)
            if system == "predict" and ratio > ALLOWED:
                failures.append(f"predict, {model}: {ratio:.2f} times the limit, and {ALLOWED} are allowed")
    return rows, failures


def peak_memory(pictures: Path, count: int) -> float:
    """MiB at the peak of a process that predicts ``count`` pictures."""
    command = [sys.executable, __file__, "--memory", str(count), "--data", str(pictures)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def predict_and_tell(pictures: Path, count: int) -> None:
    """Predict, and print the peak of this process."""
    items = find_pictures([pictures])[:count]
    predictor = PicturePredictor(task_of(Linear()), PictureView(SIZE), batch_size=BATCH, device="cpu")
    write_predictions(predictor, items, out=pictures.parent / f"memory-{count}.csv")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def environment() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    names = ("torch", "numpy", "pillow")
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in names}},
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--data", type=Path, help="folder to make and keep the pictures in")
    parser.add_argument("--file-size", type=int, default=FILE_SIZE, help="pixels of a picture's side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few pictures, two rounds")
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.memory:
        predict_and_tell(options.data, options.memory)
        return
    if options.out is None:
        parser.error("--out is needed")
    rounds, count = (2, 320) if options.quick else (options.rounds, 10_000)
    print(f"expected: {'half a minute' if options.quick else '15 minutes'}")
    with tempfile.TemporaryDirectory() as folder:
        root = options.data or Path(folder)
        pictures = make_pictures(root, count, options.file_size)
        rows, failures = compare(root, pictures, count, rounds)
        few, many = peak_memory(pictures, count // 10), peak_memory(pictures, count)
    rows.append({"system": "memory", "metric": "MiB at the peak", "value": round(many, 1), "n": 1})
    rows[-1] |= {"with_a_tenth": round(few, 1), "times_a_tenth": round(many / few, 4)}
    print(f"memory: {few:.1f} MiB with {count // 10} pictures, {many:.1f} with {count}")
    if many > MEMORY_ALLOWED * few:
        failures.append(f"memory: {many / few:.3f} times that of a tenth, and {MEMORY_ALLOWED} are allowed")
    how = "--quick" if options.quick else f"--rounds {rounds} --file-size {options.file_size}"
    result = {
        "name": "predict",
        "command": f"python benchmarks/speed/predict.py {how}",
        "environment": environment(),
        "data": f"synthetic; {count} JPEG files of {options.file_size} px, "
        f"shown at {SIZE} px in batches of {BATCH}",
        "rows": rows,
        "limit": {
            "what": "reading and the model, both at once" if overlaps() else "reading and the model, in turn",
            "value": ALLOWED,
        },
        "failures": failures,
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for failure in failures:
        print(f"missed: {failure}", file=sys.stderr)


if __name__ == "__main__":
    main()
