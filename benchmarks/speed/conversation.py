"""Utterances a second of every conversation model, in training and in a talk that is going on.

Training is forward and backward of the model alone over a batch of conversations, beside a straightforward
loop over turns with the same weights (``conversation_loops.py``): for the recurrent models one cell after the
other over the batch, for the others one conversation at a time. Streaming is the last turn of a conversation
of so many turns, past-only, from what was kept of the turns before, beside running the model over the whole
conversation once more; ``ConversationStream`` is the same for a whole task, features in and emotion out.
Before anything is timed, results and gradients must agree in float64.

Systems take turns in one process; a number is the median over rounds, of CPU time on a CPU and of wall time
on a GPU, a ratio the median of the rounds' ratios. Models that need torch-geometric are left out without it.

    python benchmarks/speed/conversation.py --out conversation.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import torch
from conversation_loops import MODALITIES, Model, Talk, build, loop_of, talk_of
from count_work import seconds

from affectkit.conversation import CONTEXTS, MODALITY_CONTEXTS
from affectkit.predict import ConversationStream
from affectkit.tasks import ConversationTask

WIDTH: Final = 100
BATCH: Final = 16
OURS: Final = "affectkit"
#: What a model is called here, its name and options. Every name of the tables has its row by default.
WINDOWED: Final[Mapping[str, tuple[str, dict[str, int | bool | str]]]] = {
    # Its attention over all turns would cost more with each of them.
    "dialogue_gcn, window 10": ("dialogue_gcn", {"window_past": 10, "attention": False}),
    "dialogue_rnn, window 10": ("dialogue_rnn", {"window_past": 10}),
    "m2fnet, window 10": ("m2fnet", {"window_past": 10}),
    "mmgcn, window 10": ("mmgcn", {"window_past": 10}),
    "transformer, window 10": ("transformer", {"window_past": 10}),
}
NEED_GEOMETRIC: Final = ("dialogue_gcn", "mmgcn")

Row = dict[str, str | int | float]


def models() -> dict[str, tuple[str, dict[str, int | bool | str]]]:
    """All models that can be built here."""
    named: dict[str, tuple[str, dict[str, int | bool | str]]] = {
        name: (name, {}) for name in (*CONTEXTS, *MODALITY_CONTEXTS)
    }
    found = {**named, **WINDOWED}
    if package("torch-geometric") == "absent":
        found = {label: pair for label, pair in found.items() if pair[0] not in NEED_GEOMETRIC}
    return dict(sorted(found.items()))


def package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def train(model: Model, run: Callable[[Model, Talk], torch.Tensor], talk: Talk) -> list[torch.Tensor]:
    """Forward and backward to the weights; returns result and gradients."""
    weights = [weight for weight in model.module.parameters() if weight.requires_grad]
    result = run(model, talk)
    gradients = torch.autograd.grad(result.square().sum(), weights, allow_unused=True)
    return [result, *(torch.zeros_like(w) if g is None else g for w, g in zip(weights, gradients))]


def check_equal(label: str, device: torch.device) -> None:
    """Refuse to time what computes different things."""
    name, options = models()[label]
    model = build(label, name, options, width=8, dtype=torch.float64)
    model.module.to(device)
    talk = talk_of(3, 12, width=8, device=device, dtype=torch.float64)
    pairs = list(zip(train(model, Model.whole, talk), train(model, loop_of(model)[1], talk)))
    alone = Talk({name: part[:1] for name, part in talk.parts.items()}, talk.speaker[:1])
    state: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for place in range(12):
            found, state = model.turn(alone, place, state)
            pairs.append((found, model.again(alone, place)))
    for one, other in pairs:
        error = float(((one - other).abs().max() / other.abs().max().clamp(min=1e-6)).detach())
        if not error < 1e-6:
            raise AssertionError(f"{label}: the straightforward way is off by {error:.1e}")


def timed(
    systems: Mapping[str, Callable[[], object]], *, rounds: int, device: torch.device, budget_s: float
) -> dict[str, list[float]]:
    """Seconds of each system, taking turns; repeated within a round where it is short."""
    repeats: dict[str, int] = {}
    for name, work in systems.items():
        work()
        repeats[name] = max(1, min(100, int(budget_s / rounds / max(seconds(work, device), 1e-6))))
    times: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, work in systems.items():

            def again(name: str = name, work: Callable[[], object] = work) -> None:
                for _ in range(repeats[name]):
                    work()

            times[name].append(seconds(again, device) / repeats[name])
    return times


def rows_of(
    times: Mapping[str, Sequence[float]], utterances: Mapping[str, int], facts: Mapping[str, str | int]
) -> list[Row]:
    """Utterances a second of each system, with ours as times the others."""
    rates_of = {name: [utterances[name] / value for value in values] for name, values in times.items()}
    found: list[Row] = []
    for name, rates in rates_of.items():
        row: Row = {
            "system": name,
            "metric": "utterances a second",
            **facts,
            "value": round(statistics.median(rates), 1),
            "sd": round(statistics.stdev(rates), 1),
            "n": len(rates),
        }
        if name == OURS:
            for other, theirs in rates_of.items():
                if other != OURS:
                    ratios = [our / their for our, their in zip(rates, theirs)]
                    row[f"times {other}"] = round(statistics.median(ratios), 2)
        found.append(row)
    return found


def training(label: str, turns: int, *, rounds: int, device: torch.device, budget_s: float) -> list[Row]:
    name, options = models()[label]
    model = build(label, name, options, width=WIDTH, dtype=torch.float32)
    model.module.to(device)
    what, loop = loop_of(model)
    # A loop over conversations takes as long for each of them, so that two are enough.
    sizes = {OURS: BATCH, "loop": BATCH if "cell" in what else 2}
    talks = {
        key: talk_of(size, turns, width=WIDTH, device=device, dtype=torch.float32)
        for key, size in sizes.items()
    }
    systems = {
        OURS: lambda: train(model, Model.whole, talks[OURS]),
        "loop": lambda: train(model, loop, talks["loop"]),
    }
    times = timed(systems, rounds=rounds, device=device, budget_s=budget_s)
    facts: dict[str, str | int] = {"mode": "training", "model": label, "turns": turns, "loop": what}
    return rows_of(times, {key: size * turns for key, size in sizes.items()}, facts)


def streaming(label: str, turns: int, *, rounds: int, device: torch.device, budget_s: float) -> list[Row]:
    """The turn after ``turns - 1`` others."""
    name, options = models()[label]
    model = build(label, name, options, width=WIDTH, dtype=torch.float32)
    model.module.to(device)
    talk = talk_of(1, turns, width=WIDTH, device=device, dtype=torch.float32)
    state: dict[str, torch.Tensor] = {}
    stream = stream_of(name, options, device)
    features = {key: part[0].cpu() for key, part in talk.parts.items()}
    last = {key: part[-1] for key, part in features.items()}
    with torch.no_grad():
        for place in range(turns - 1):
            _, state = model.turn(talk, place, state)
            stream.add({key: part[place] for key, part in features.items()}, int(talk.speaker[0, place]))
        systems: dict[str, Callable[[], object]] = {
            OURS: lambda: model.turn(talk, turns - 1, state),
            "loop": lambda: model.again(talk, turns - 1),
            # Adding is what moves a stream on: over the rounds it grows by some turns.
            "ConversationStream": lambda: stream.add(last, int(talk.speaker[0, -1])),
        }
        times = timed(systems, rounds=rounds, device=device, budget_s=budget_s)
    facts: dict[str, str | int] = {
        "mode": "streaming",
        "model": label,
        "turns": turns,
        "loop": "the whole conversation once more",
        "kept_numbers": sum(value.numel() for value in state.values()),
    }
    return rows_of(times, dict.fromkeys(times, 1), facts)


def stream_of(name: str, options: Mapping[str, int | bool | str], device: torch.device) -> ConversationStream:
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official",
        dict.fromkeys(MODALITIES, WIDTH),
        hidden_dim=WIDTH,
        context_model=name,  # type: ignore[arg-type]
        context_options=dict(options),
    )
    return ConversationStream(task, device=device)


def growth(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """How much longer an utterance takes in the longest conversations than in the shortest."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        same = [one for one in rows if all(one[key] == row[key] for key in ("system", "mode", "model"))]
        ends = sorted(same, key=lambda one: int(one["turns"]))
        label = f"{row['model']}, {row['mode']}"
        ratio = float(ends[0]["value"]) / float(ends[-1]["value"])
        found.setdefault(label, {})[str(row["system"])] = round(ratio, 2)
    return found


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
            "torch_geometric": package("torch-geometric"),
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    known = models()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="short conversations, 2 rounds")
    parser.add_argument("--models", nargs="+", choices=list(known), default=list(known), help="these alone")
    parser.add_argument("--turns", nargs="+", type=int, default=[10, 30, 100, 300, 1000], help="lengths")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on a CPU (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    lengths, rounds, budget_s = sorted(options.turns), options.rounds, 0.5
    if options.quick:
        lengths, rounds, budget_s = [4, 12], 2, 0.01
    minutes = len(options.models) * len(lengths) * 0.15
    print(f"expected: {'40 seconds' if options.quick else f'{minutes:.0f} minutes'}", flush=True)
    rows: list[Row] = []
    for label in options.models:
        check_equal(label, device)
        for turns in lengths:
            fresh = streaming(label, turns, rounds=rounds, device=device, budget_s=budget_s)
            # A batch of conversations as long as no corpus has them says nothing about training.
            if turns <= 100:
                fresh += training(label, turns, rounds=rounds, device=device, budget_s=budget_s)
            for row in fresh:
                ratios = ", ".join(f"{row[key]} {key}" for key in row if key.startswith("times "))
                print(
                    f"{label:<24} {row['mode']:<10} {turns:>5} turns  {row['system']:<19}"
                    f"{row['value']:>12} a second  {ratios}",
                    flush=True,
                )
            rows += fresh
    chosen = ["--quick"] * options.quick
    for name in ("models", "turns", "rounds", "threads", "device"):
        value = getattr(options, name)
        if value != parser.get_default(name):
            chosen += [f"--{name}", *(map(str, value) if isinstance(value, list) else [str(value)])]
    result = {
        "name": "conversation",
        "command": " ".join(["python", "benchmarks/speed/conversation.py", *chosen]),
        "environment": environment(device),
        "data": "synthetic",
        "rows": rows,
        "growth": growth(rows),
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
