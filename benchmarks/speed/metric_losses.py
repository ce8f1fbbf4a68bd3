"""Metric losses: affectkit beside pytorch-metric-learning and beside one matrix product, in one run.

A step is forward and backward to the vectors: 128 numbers each, random, of 7 classes, brought to length 1
inside the loss. The limit is one product of all vectors with each other, forward alone, which every one of
these losses needs. Systems take turns in one process; a number is the median over rounds, of CPU time on a
CPU and of wall time on a GPU, a ratio the median of the rounds' ratios. Before anything is timed, loss and
gradient of both systems must agree in float64.

All triplets of a batch are a number of its cube: where pytorch-metric-learning would need more memory than
``--peer-gib`` to hold them, it is left out and the need is stated. Without the package (extra ``bench``) the
rest is measured and nothing compared.

    python benchmarks/speed/metric_losses.py --out metric_losses.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import torch
from count_work import LiveTensors, seconds
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.losses import SupervisedContrastiveLoss, TripletMarginLoss
from affectkit.types import AffectOutput, LossTerms, Target

try:
    from pytorch_metric_learning import losses as peer_losses
    from pytorch_metric_learning import miners as peer_miners
except ModuleNotFoundError:
    HAS_PEER = False
else:
    HAS_PEER = True

WIDTH: Final = 128
CLASSES: Final = 7
MARGIN: Final = 0.2
TEMPERATURE: Final = 0.1
LIMIT: Final = "one matrix product (the limit)"
OURS: Final = "affectkit"
PEER: Final = "pytorch-metric-learning"
#: What the peer holds for one triplet: three indices, of which it keeps two copies, and the distances.
PEER_BYTES_A_TRIPLET: Final = 64
#: Largest batch at which losses and gradients are compared, one of float64.
CHECKED: Final = 1024
#: How many times as fast as the peer each loss is to be.
AIMS: Final = {"batch hard": 2.0, "batch all": 10.0, "supervised contrastive": 1.5}

Row = dict[str, str | int | float]
Value = Callable[[Tensor, Tensor], Tensor]


def ours(loss: nn.Module) -> Value:
    def value(vectors: Tensor, label: Tensor) -> Tensor:
        terms: LossTerms = loss(AffectOutput(embedding=vectors), Target(label=label))
        return terms.total

    return value


def peer(loss: nn.Module, miner: nn.Module | None = None) -> Value:
    def value(vectors: Tensor, label: Tensor) -> Tensor:
        found: Tensor = loss(vectors, label, None if miner is None else miner(vectors, label))
        return found

    return value


def product(vectors: Tensor, label: Tensor) -> Tensor:
    unit = F.normalize(vectors.detach(), dim=1)
    return unit @ unit.T


def make_systems(loss: str) -> dict[str, Value]:
    """Every system for one loss, with the same options."""
    own: dict[str, nn.Module] = {
        "batch hard": TripletMarginLoss(MARGIN, mining="batch_hard"),
        "batch all": TripletMarginLoss(MARGIN, mining="batch_all"),
        "supervised contrastive": SupervisedContrastiveLoss(temperature=TEMPERATURE),
    }
    systems = {LIMIT: product, OURS: ours(own[loss])}
    if HAS_PEER and loss == "supervised contrastive":
        systems[PEER] = peer(peer_losses.SupConLoss(temperature=TEMPERATURE))
    elif HAS_PEER:
        miner = peer_miners.BatchHardMiner() if loss == "batch hard" else None
        systems[PEER] = peer(peer_losses.TripletMarginLoss(margin=MARGIN), miner)
    return systems


def make_batch(rows: int, device: torch.device, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Vectors that lean towards their class, and labels."""
    generator = torch.Generator().manual_seed(rows)
    label = torch.randint(0, CLASSES, (rows,), generator=generator)
    centres = torch.randn(CLASSES, WIDTH, generator=generator, dtype=torch.float64)
    vectors = 0.3 * centres[label] + torch.randn(rows, WIDTH, generator=generator, dtype=torch.float64)
    return vectors.to(device, dtype).requires_grad_(), label.to(device)


def triplets(label: Tensor) -> int:
    counts = torch.bincount(label)
    return int((counts * (counts - 1) * (len(label) - counts)).sum())


def step(system: Value, vectors: Tensor, label: Tensor) -> tuple[Tensor, Tensor | None]:
    value = system(vectors, label)
    if not value.requires_grad:
        return value, None
    return value, torch.autograd.grad(value, [vectors])[0]


def check_equal(systems: dict[str, Value], rows: int, device: torch.device) -> None:
    """Refuse to time systems that compute different things."""
    vectors, label = make_batch(rows, device, torch.float64)
    value, gradient = step(systems[OURS], vectors, label)
    expected, wanted = step(systems[PEER], vectors, label)
    assert gradient is not None and wanted is not None
    for what, one, other in (("loss", value, expected), ("gradient", gradient, wanted)):
        error = float(((one - other).abs().max() / other.abs().max()).detach())
        if not error < 1e-6:
            raise AssertionError(f"the {what} of {rows} rows is off by {error:.1e} of its largest number")


def peak_mib(system: Value, vectors: Tensor, label: Tensor) -> float:
    """Most memory that a step holds beyond what lay there before it."""
    if vectors.device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(system, vectors, label)
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with LiveTensors() as live:
        step(system, vectors, label)
    peak: int = live.peak
    return peak / 2**20


def measure(
    loss: str, rows: int, *, rounds: int, device: torch.device, peer_gib: float = 2.0
) -> tuple[list[Row], str | None]:
    """Times and memory of all systems at one batch, and why the peer was left out, if it was."""
    systems = make_systems(loss)
    vectors, label = make_batch(rows, device)
    need = triplets(label) * PEER_BYTES_A_TRIPLET / 2**30
    left_out = None
    if PEER not in systems:
        left_out = f'{PEER} is not installed: run `pip install "affectkit[bench]"` to compare'
    elif loss == "batch all" and need > peer_gib:
        left_out = f"{PEER}, {loss} of {rows} rows: {triplets(label):.2e} triplets, about {need:.0f} GiB"
        del systems[PEER]
    elif rows <= CHECKED:
        check_equal(systems, rows, device)
    times: dict[str, list[float]] = {name: [] for name in systems}
    repeats: dict[str, int] = {}
    for name, system in systems.items():
        step(system, vectors, label)
        taken = seconds(lambda system=system: step(system, vectors, label), device)  # type: ignore[misc]
        repeats[name] = max(1, min(50, int(0.01 * rounds / max(taken, 1e-6))))
    for _ in range(rounds):
        for name, system in systems.items():

            def work(name: str = name, system: Value = system) -> None:
                for _ in range(repeats[name]):
                    step(system, vectors, label)

            times[name].append(seconds(work, device) / repeats[name] * 1e3)
    found: list[Row] = []
    for name, values in times.items():
        row: Row = {
            "system": name,
            "metric": "ms a step",
            "loss": loss,
            "batch": rows,
            "value": round(statistics.median(values), 4),
            "sd": round(statistics.stdev(values), 4),
            "n": rounds,
            "ratio_to_limit": round(statistics.median(v / o for v, o in zip(values, times[LIMIT])), 2),
        }
        if name == OURS and PEER in times:
            row["peer_takes"] = round(statistics.median(o / v for v, o in zip(values, times[PEER])), 2)
        found.append(row)
    for name, system in systems.items():
        peak = round(peak_mib(system, vectors, label), 2)
        found.append(
            {
                "system": name,
                "metric": "peak MiB of a step",
                "loss": loss,
                "batch": rows,
                "value": peak,
                "n": 1,
            }
        )
    return found, left_out


def targets(rows: Sequence[Row], left_out: Sequence[str]) -> dict[str, object]:
    """What is to be reached, and where it is missed."""
    return {
        "what": "a step of the peer takes at least 2 of ours for batch hard and 1.5 for supervised "
        "contrastive, at every batch, and 10 for batch all; batch all is possible at 4096",
        "missed": [
            f"{row['loss']}, {row['batch']} rows: {row['peer_takes']}"
            for row in rows
            if "peer_takes" in row and float(row["peer_takes"]) < AIMS[str(row["loss"])]
        ],
        "largest_batch_all": max(
            int(row["batch"]) for row in rows if row["loss"] == "batch all" and row["system"] == OURS
        ),
        "peer_left_out": list(left_out),
    }


def peer_version() -> str:
    try:
        return version("pytorch-metric-learning")
    except PackageNotFoundError:
        return "absent"


def environment(device: torch.device) -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    ).stdout.strip()
    hardware = f"{platform.machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} threads"
    if device.type == "cuda":
        hardware += f", {torch.cuda.get_device_name(device)}"
    return {
        "hardware": hardware,
        "load": round(os.getloadavg()[0], 1),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "pytorch_metric_learning": peer_version(),
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="batches of 32 and 128, 3 rounds")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on a CPU (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument(
        "--peer-gib", type=float, default=2.0, help="memory for the peer's triplets (default: 2)"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    sizes, rounds = ((32, 128), 3) if options.quick else ((256, 512, 1024, 2048, 4096), 11)
    print(f"expected: {'20 seconds' if options.quick else '8 minutes'}", flush=True)
    rows: list[Row] = []
    left_out: list[str] = []
    for loss in AIMS:
        for size in sizes:
            fresh, reason = measure(loss, size, rounds=rounds, device=device, peer_gib=options.peer_gib)
            print(f"{loss}, {size} rows", flush=True)
            for row in fresh:
                ratio = f"{row['ratio_to_limit']:8.2f} of the limit" if "ratio_to_limit" in row else ""
                if "peer_takes" in row:
                    ratio += f", {row['peer_takes']} times as fast as the peer"
                print(f"  {row['system']:<32} {row['metric']:<20} {row['value']:>12}{ratio}", flush=True)
            if reason is not None:
                print(f"  left out: {reason}", flush=True)
                left_out.append(reason)
            rows += fresh
    chosen = ["--quick"] * options.quick
    for name, default in (("threads", 1), ("device", "cpu"), ("peer-gib", 2.0)):
        value = getattr(options, name.replace("-", "_"))
        chosen += [f"--{name}", str(value)] * (value != default)
    result = {
        "name": "metric_losses",
        "command": " ".join(["python", "benchmarks/speed/metric_losses.py", *chosen]),
        "environment": environment(device),
        "data": "synthetic",
        "rows": rows,
        "limit": targets(rows, left_out),
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
