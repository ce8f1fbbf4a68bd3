"""Plan an epoch of up to 100 million samples for 4,096 ranks, and measure the memory it takes.

For each size and shuffle mode one rank's whole epoch is planned while every allocation is counted
(tracemalloc sees NumPy's arrays). Then all ranks are simulated, one after another, each with a plan
of its own as on a real machine: their shares of the first, the middle and the last global batch must
join to exactly the global batch.

    python benchmarks/scale/plan_memory.py --out plan_memory.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import torch

from affectkit.data.plan import EpochPlan, Shuffle

SHARD_SAMPLES: Final = 10_000
RANKS: Final = 4_096
ROWS_PER_RANK: Final = 8
WINDOW: Final = 65_536
MODES: Final[tuple[Shuffle, ...]] = ("global", "lanes")

Row = dict[str, str | int | float]


def make_plan(samples: int, mode: Shuffle) -> EpochPlan:
    return EpochPlan(
        [SHARD_SAMPLES] * (samples // SHARD_SAMPLES),
        global_batch=RANKS * ROWS_PER_RANK,
        seed=1,
        epoch=3,
        shuffle=mode,
        window=WINDOW,
        lanes=64,
    )


def measure_epoch(samples: int, mode: Shuffle) -> list[Row]:
    """Peak of all allocations and time while rank 0 plans its whole epoch."""
    tracemalloc.start()
    started = time.perf_counter()
    plan = make_plan(samples, mode)
    planned = sum(len(batch.positions) for batch in plan.batches(rank=0, world_size=RANKS))
    seconds = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    if planned != len(plan) * ROWS_PER_RANK:
        raise SystemExit(f"{mode}, {samples}: rank 0 planned {planned} samples, the plan is wrong.")
    system = f"EpochPlan, shuffle={mode}"
    return [
        {"system": system, "metric": "peak MiB of one rank", "value": round(peak / 2**20, 2), "n": samples},
        {
            "system": system,
            "metric": "seconds an epoch of one rank",
            "value": round(seconds, 2),
            "n": samples,
        },
    ]


def simulate_ranks(samples: int, mode: Shuffle, ranks: int) -> Row:
    """All ranks' shares of three global batches, each rank from a plan of its own."""
    started = time.perf_counter()
    whole = make_plan(samples, mode)
    steps = [0, len(whole) // 2, len(whole) - 1]
    shares: list[list[np.ndarray]] = [[] for _ in steps]
    for rank in range(ranks):
        plan = make_plan(samples, mode)
        for share, step in zip(shares, steps, strict=True):
            share.append(plan.batch(step, rank=rank, world_size=RANKS).positions)
    for share, step in zip(shares, steps, strict=True):
        joined = np.concatenate(share)
        expected = whole.batch(step).positions[: len(joined)]
        if not np.array_equal(joined, expected) or len(np.unique(joined)) != len(joined):
            raise SystemExit(f"{mode}, step {step}: the ranks' shares are not the global batch.")
    seconds = time.perf_counter() - started
    return {
        "system": f"EpochPlan, shuffle={mode}",
        "metric": f"seconds for {ranks} ranks x {len(steps)} batches, shares exact",
        "value": round(seconds, 1),
        "n": samples,
    }


def environment() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs",
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
    parser.add_argument("--quick", action="store_true", help="sizes up to 10 million, 64 ranks")
    options = parser.parse_args()
    sizes = [10**6, 10**7] if options.quick else [10**6, 10**7, 10**8]
    ranks = 64 if options.quick else RANKS
    print(f"expected: {'10 seconds' if options.quick else '3 minutes'}")
    rows: list[Row] = []
    for mode in MODES:
        for samples in sizes:
            rows += measure_epoch(samples, mode)
            for row in rows[-2:]:
                print(f"{row['system']:<28} {row['metric']:<32} {row['n']:>11,} samples {row['value']:>9}")
        rows.append(simulate_ranks(sizes[-1], mode, ranks))
        print(f"{rows[-1]['system']:<28} {rows[-1]['metric']}: {rows[-1]['value']}")
    result = {
        "name": "plan_memory",
        "command": " ".join(["python", "benchmarks/scale/plan_memory.py", *(["--quick"] * options.quick)]),
        "environment": environment(),
        "data": "synthetic",
        "rows": rows,
        "limit": {
            "what": "one int64 array of all positions, MiB",
            "value": round(8 * sizes[-1] / 2**20, 1),
            "n": sizes[-1],
        },
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
