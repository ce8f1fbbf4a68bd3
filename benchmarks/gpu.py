"""Every benchmark that a GPU says something about, one after the other, within ten minutes.

Each runs in a process of its own, with the time that is left as its limit, and writes its JSON when it is
done. What failed or ran out of time is named at the end and in ``gpu.json``; its output is in a log beside.
The most telling come first.

    python benchmarks/gpu.py --out FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import torch

SPEED: Final = Path(__file__).parent / "speed"
#: What a process needs to stop and a machine to answer.
GRACE_S: Final = 5.0
SHOWN_LINES: Final = 15


class Part(NamedTuple):
    """One benchmark: its script and arguments, and those that only try whether it runs."""

    script: str
    arguments: tuple[str, ...]
    quick: tuple[str, ...] = ("--quick",)


#: One cell of the adapters, since ``torch.compile`` takes longer than all that is measured.
PARTS: Final = {
    "label_graph": Part("label_graph.py", ()),
    "metric_losses": Part("metric_losses.py", ("--peer-gib", "24")),
    "conversation": Part(
        "conversation.py",
        ("--rounds", "5", "--turns", "10", "30", "100", "300"),
        ("--quick", "--models", "transformer"),
    ),
    "prompts": Part(
        "prompts.py",
        ("--classes", "28", "--batch", "32", "--rounds", "9"),
        ("--quick", "--classes", "7", "--adapters", "coop"),
    ),
}


class Outcome(NamedTuple):
    """What became of a part."""

    state: str
    seconds: float
    output: str


def run_part(part: Part, *, out: Path, device: str, quick: bool, limit_s: float) -> Outcome:
    """Run one part, for ``limit_s`` at most."""
    command = [sys.executable, str(SPEED / part.script), "--out", str(out), "--device", device]
    command += part.quick if quick else part.arguments
    started = time.monotonic()
    log = out.with_suffix(".log")
    with log.open("w") as stream:
        try:
            code = subprocess.run(
                command, stdout=stream, stderr=subprocess.STDOUT, timeout=limit_s, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
    state = "out of time" if code is None else "done" if code == 0 and out.is_file() else f"failed ({code})"
    return Outcome(state, round(time.monotonic() - started, 1), log.read_text(errors="replace"))


def environment(device: str) -> dict[str, object]:
    """What the figures depend on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=SPEED
    ).stdout.strip()
    name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    return {
        "hardware": f"{name}, {os.cpu_count()} CPUs",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSON files")
    parser.add_argument("--minutes", type=float, default=9.0, help="for all together (default: 9)")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these alone, in this order")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the script (default: cuda)")
    parser.add_argument("--quick", action="store_true", help="does it run?")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("No GPU is visible to torch: check the driver with nvidia-smi, or give --device cpu --quick.")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    outcomes: dict[str, Outcome] = {}
    for name in options.only or PARTS:
        left = end - time.monotonic() - GRACE_S
        out = options.out / f"{name}.json"
        # An older result must not pass for a new one.
        out.unlink(missing_ok=True)
        if left <= 0:
            outcomes[name] = Outcome("not begun", 0.0, "")
            continue
        print(f"{name}: at most {left:.0f} s", flush=True)
        found = run_part(PARTS[name], out=out, device=options.device, quick=options.quick, limit_s=left)
        outcomes[name] = found
        print("\n".join(found.output.splitlines()[-SHOWN_LINES:]), flush=True)
    report = {
        "name": "gpu",
        "environment": environment(options.device),
        "parts": {name: {"state": found.state, "seconds": found.seconds} for name, found in outcomes.items()},
    }
    (options.out / "gpu.json").write_text(json.dumps(report, indent=2) + "\n")
    for name, found in outcomes.items():
        print(f"{name:14}{found.state:14}{found.seconds:8.1f} s")
    return int(any(found.state != "done" for found in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
