"""Open the index of 100,000 samples: time, memory, and the cost of one sample read by position.

Each measurement runs in a process of its own, after the import, with the files in the page cache.

    python benchmarks/speed/index.py --out index.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from affectkit.data.shards import DatasetWriter, Licence, Manifest, open_shards

Row = dict[str, str | int | float]
LAYOUTS = {"1 shard": 1, "100 shards": 100}
TARGETS = {"ms to open": 50.0, "MiB to open": 20.0}


def make_set(folder: Path, samples: int, shards: int) -> None:
    template = Manifest(
        name="index",
        kind="text",
        label_space=None,
        licence=Licence("none", "synthetic"),
        created_by="index.py",
    )
    limit = -(-samples // shards)
    with DatasetWriter(folder, template, shard_samples=limit, shard_bytes=2**40) as writer:
        for number in range(samples):
            writer.add("train", f"sample{number:08d}", {"json": b"{}", "txt": b"hello"})


def resident() -> float:
    """MiB of this process in memory, mapped files included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(folder: str) -> tuple[float, float, float, float]:
    """Milliseconds (wall and CPU) and MiB to open, microseconds to read a sample in random order."""
    before = resident()
    started, busy = time.perf_counter(), time.process_time()
    store = open_shards(folder, "train")
    opened, worked = (time.perf_counter() - started) * 1e3, (time.process_time() - busy) * 1e3
    memory = resident() - before
    order = np.random.default_rng(0).permutation(len(store))[:20_000].tolist()
    store.get(order[0])
    started = time.perf_counter()
    for position in order:
        store.get(position)
    return opened, worked, memory, (time.perf_counter() - started) / len(order) * 1e6


def environment() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    ).stdout.strip()
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "load": round(os.getloadavg()[0], 1),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="10,000 samples, 3 repeats")
    options = parser.parse_args()
    samples, repeats = (10_000, 3) if options.quick else (100_000, 7)
    print(f"expected: {'20 seconds' if options.quick else '2 minutes'}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for system, shards in LAYOUTS.items():
            folder = Path(scratch) / f"{shards}"
            make_set(folder, samples, shards)
            runs = []
            for _ in range(repeats):
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    runs.append(pool.apply(measure, (str(folder),)))
            names = ("ms to open", "CPU ms to open", "MiB to open", "us a sample in random order")
            for metric, values in zip(names, zip(*runs, strict=True), strict=True):
                median, spread = statistics.median(values), statistics.stdev(values)
                rows.append(
                    {
                        "system": f"open_shards, {system}",
                        "metric": metric,
                        "value": round(median, 2),
                        "sd": round(spread, 2),
                        "n": samples,
                    }
                )
                print(f"{system:<12} {metric:<30} {median:8.2f} +- {spread:.2f}")
    result = {
        "name": "index",
        "command": " ".join(["python", "benchmarks/speed/index.py", *(["--quick"] * options.quick)]),
        "environment": environment(),
        "data": "synthetic",
        "rows": rows,
        "limit": {"what": "targets at 100,000 samples", **TARGETS},
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
