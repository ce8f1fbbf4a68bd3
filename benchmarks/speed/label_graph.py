"""Label-graph heads: affectkit beside torch-geometric and beside the linear layers alone, in one run.

Two graph convolutions over 8 to 512 labels, two of them dimensions, make the weights of a head that reads a
batch of features, at the published widths (300, 512, 1024). Links are those of the published rule, from
categories to dimensions, or run between all labels. A step is forward and backward to all weights and to the
features; evaluation is forward alone. Every system gives logits and dimensions. Systems take turns in one
process; a number is the median over rounds, of CPU time on a CPU and of wall time on a GPU.

All systems but DenseGCNConv, which can only normalise in its own way, are checked to give the same numbers.
The limit is the linear layers without any graph, in the order of products that costs least: the labels first
where they are few, the batch first where it is smaller.

    python benchmarks/speed/label_graph.py --out label_graph.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final

import torch
import torch_geometric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch_geometric.nn import DenseGCNConv, GCNConv

from affectkit.graph import LabelGraph
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.labels import LabelSpace, affect_scale
from affectkit.types import AffectOutput, Encoding

#: Of label vectors, hidden layer and features.
WIDTHS: Final = (300, 512, 1024)
GRAPHS: Final = ("rule", "all linked")
SLOPE: Final = 0.2
LIMIT: Final = "linear layers alone (the limit)"
OURS: Final = "affectkit"
SPARSE: Final = "affectkit, sparse"
GCN: Final = "torch-geometric, GCNConv"
DENSE: Final = "torch-geometric, DenseGCNConv"

Row = dict[str, str | int | float]
#: Logits (B, C) and dimensions (B, 2).
Scores = tuple[Tensor, Tensor]


def make_graph(labels: int, kind: str) -> LabelGraph:
    """Categories linked with valence and arousal at random, or everything with everything."""
    classes = labels - 2
    strength = 0.2 * torch.rand(labels, labels, generator=torch.Generator().manual_seed(labels))
    return LabelGraph.from_correlation(
        (strength + strength.T) / 2 if kind == "rule" else torch.ones(labels, labels),
        space=LabelSpace(f"made.up{classes}", tuple(f"label {number}" for number in range(classes))),
        scale=affect_scale("va.unit"),
        between_classes=kind != "rule",
        origin="made up",
    )


def parts(scores: Tensor) -> Scores:
    return scores[..., :-2], scores[..., -2:]


class Linear(nn.Module):
    """The limit: what remains of the head without its graph, in the order that multiplies less."""

    def __init__(self, embeddings: Tensor, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.register_buffer("embeddings", embeddings)
        self.weights = nn.ParameterList(weight.clone() for weight in weights)

    def forward(self, features: Tensor) -> Scores:
        """Score all labels."""
        nodes = F.leaky_relu(self.get_buffer("embeddings") @ self.weights[0], SLOPE)
        last = self.weights[1]
        (few, width), (count, hidden) = features.shape, nodes.shape
        if few * hidden * (width + count) < count * width * (hidden + few):
            return parts(F.linear(F.linear(features, last), nodes))
        return parts(F.linear(features, nodes @ last))


class Head(nn.Module):
    """Ours, on plain features."""

    def __init__(
        self, graph: LabelGraph, embeddings: Tensor, weights: Sequence[Tensor], *, sparse: bool = False
    ) -> None:
        super().__init__()
        self.head = CategoricalDimensionalGraphHead(
            weights[1].shape[1],
            graph,
            label_embeddings=embeddings,
            hidden_dims=(weights[1].shape[0],),
            sparse=sparse,
        )
        with torch.no_grad():
            for own, weight in zip(self.head.network.weights, weights):
                own.copy_(weight)

    def forward(self, features: Tensor) -> Scores:
        """Score all labels."""
        output: AffectOutput = self.head(Encoding(features))
        assert output.logits is not None and output.dims is not None
        return output.logits, output.dims


class MessagePassing(nn.Module):
    """The same head from torch-geometric's layers: weights of the edges given, no loops added."""

    def __init__(self, graph: LabelGraph, embeddings: Tensor, weights: Sequence[Tensor]) -> None:
        super().__init__()
        options = {"normalize": False, "add_self_loops": False, "bias": False}
        self.layers = nn.ModuleList(GCNConv(*weight.shape, **options) for weight in weights)
        propagation = graph.propagation()
        receiver, sender = propagation.nonzero(as_tuple=True)
        self.register_buffer("embeddings", embeddings)
        self.register_buffer("edges", torch.stack([sender, receiver]))
        self.register_buffer("edge_weight", propagation[receiver, sender])
        with torch.no_grad():
            for layer, weight in zip(self.layers, weights):
                layer.lin.weight.copy_(weight.T)  # type: ignore[union-attr,operator]

    def forward(self, features: Tensor) -> Scores:
        """Score all labels."""
        edges, weight = self.get_buffer("edges"), self.get_buffer("edge_weight")
        nodes: Tensor = self.layers[0](self.get_buffer("embeddings"), edges, weight)
        rows: Tensor = self.layers[1](F.leaky_relu(nodes, SLOPE), edges, weight)
        return parts(F.linear(features, rows))


class DenseMessagePassing(nn.Module):
    """torch-geometric's dense layer, which scales by its own degrees at every call."""

    def __init__(self, graph: LabelGraph, embeddings: Tensor, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseGCNConv(*weight.shape, bias=False) for weight in weights)
        self.register_buffer("embeddings", embeddings.unsqueeze(0))
        self.register_buffer("adjacency", graph.propagation().unsqueeze(0))
        with torch.no_grad():
            for layer, weight in zip(self.layers, weights):
                layer.lin.weight.copy_(weight.T)  # type: ignore[union-attr,operator]

    def forward(self, features: Tensor) -> Scores:
        """Score all labels."""
        adjacency = self.get_buffer("adjacency")
        nodes: Tensor = self.layers[0](self.get_buffer("embeddings"), adjacency, add_loop=False)
        rows: Tensor = self.layers[1](F.leaky_relu(nodes, SLOPE), adjacency, add_loop=False)
        return parts(F.linear(features, rows.squeeze(0)))


def make_systems(graph: LabelGraph, device: torch.device) -> dict[str, nn.Module]:
    """Every system with the same label vectors and weights."""
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(len(graph.nodes), WIDTHS[0], generator=generator)
    weights = [torch.randn(a, b, generator=generator) / b**0.5 for a, b in pairwise(WIDTHS)]
    systems: dict[str, nn.Module] = {
        LIMIT: Linear(embeddings, weights),
        OURS: Head(graph, embeddings, weights),
        SPARSE: Head(graph, embeddings, weights, sparse=True),
        GCN: MessagePassing(graph, embeddings, weights),
        DENSE: DenseMessagePassing(graph, embeddings, weights),
    }
    return {name: system.to(device) for name, system in systems.items()}


def check_equal(systems: dict[str, nn.Module], features: Tensor) -> None:
    """Refuse to time systems that compute different things."""
    expected = torch.cat(systems[GCN](features), -1)
    for name in (OURS, SPARSE):
        found = torch.cat(systems[name](features), -1)
        error = (found - expected).abs().max() / expected.abs().max()
        if not error < 1e-4:
            raise AssertionError(f"{name} is off by {error.item():.1e} of the largest score")


def step(system: nn.Module, features: Tensor) -> None:
    logits, dims = system(features)
    torch.autograd.grad(logits.square().sum() + dims.sum(), [features, *system.parameters()])


@torch.inference_mode()
def evaluate(system: nn.Module, features: Tensor) -> None:
    system(features)


def clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def peak_bytes(system: nn.Module, features: Tensor) -> int:
    """Most memory that a step holds beyond what lay there before it."""
    if features.device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(system, features)
        torch.cuda.synchronize()
        return int(torch.cuda.max_memory_allocated()) - before
    with Held() as held:
        step(system, features)
    most: int = held.most
    return most


class Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of the tensors that operations made and that are still referred to."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        seen = {tensor.untyped_storage().data_ptr() for tensor in tree_leaves(args) if made(tensor)}
        for tensor in tree_leaves(result):
            if made(tensor) and tensor.untyped_storage().data_ptr() not in seen:
                storage = tensor.untyped_storage()
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self.free, storage.nbytes())
        return result

    def free(self, size: int) -> None:
        """Forget a storage that is gone."""
        self.now -= size


def made(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided


def measure(kind: str, labels: int, *, batch: int, rounds: int, device: torch.device) -> list[Row]:
    """Times and memory of all systems over one graph."""
    systems = make_systems(make_graph(labels, kind), device)
    features = torch.randn(batch, WIDTHS[-1], generator=torch.Generator().manual_seed(1)).to(device)
    features.requires_grad_()
    check_equal(systems, features)
    setting: Row = {"graph": kind, "labels": labels}
    rows: list[Row] = []
    for metric, action in (("us a step", step), ("us an evaluation", evaluate)):
        times: dict[str, list[float]] = {name: [] for name in systems}
        repeats: dict[str, int] = {}
        for name, system in systems.items():
            system.train(action is step)
            action(system, features)
            started = clock(device)
            action(system, features)
            repeats[name] = max(1, min(20, int(0.02 / max(clock(device) - started, 1e-6))))
        for _ in range(rounds):
            for name, system in systems.items():
                started = clock(device)
                for _ in range(repeats[name]):
                    action(system, features)
                times[name].append((clock(device) - started) / repeats[name] * 1e6)
        for name, values in times.items():
            ratios = {
                key: round(statistics.median(v / o for v, o in zip(values, times[other])), 3)
                for key, other in (("ratio_to_limit", LIMIT), ("ratio_to_GCNConv", GCN))
            }
            middle, spread = statistics.median(values), statistics.stdev(values)
            numbers = {"value": round(middle, 1), "sd": round(spread, 1), "n": rounds}
            rows.append({"system": name, "metric": metric, **setting, **numbers, **ratios})
    for name, system in systems.items():
        system.train()
        peak = round(peak_bytes(system, features) / 2**20, 2)
        rows.append({"system": name, "metric": "peak MiB of a step", **setting, "value": peak, "n": 1})
    return rows


def targets(rows: Sequence[Row]) -> dict[str, object]:
    """What is to be reached, and where it is missed."""

    def above(metric: str, ratio: str, most: float) -> list[str]:
        return [
            f"{row['labels']} labels, {row['graph']}: {row[ratio]}"
            for row in rows
            if row["system"] == OURS and row["metric"] == metric and float(row[ratio]) > most
        ]

    return {
        "what": "a step takes at most 1.15 of the limit and at most 0.5 of GCNConv; an evaluation, one "
        "product, less than the limit, which makes its weights each time",
        "steps_over_1.15_of_the_limit": above("us a step", "ratio_to_limit", 1.15),
        "steps_over_0.5_of_GCNConv": above("us a step", "ratio_to_GCNConv", 0.5),
        "evaluations_over_the_limit": above("us an evaluation", "ratio_to_limit", 1.0),
    }


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
            "torch_geometric": torch_geometric.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def table(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    """A line for each graph, in Markdown: times, ratios and, of a step, what it holds at its worst."""
    shown = {LIMIT: "limit", OURS: "affectkit", GCN: "GCNConv", DENSE: "DenseGCNConv"}
    memory = metric == "us a step"
    heads = [metric.replace("us", "µs"), *shown.values(), "affectkit / limit", "GCNConv / affectkit"]
    heads += [f"MiB, {name}" for name in shown.values()] if memory else []
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    found = {(row["graph"], row["labels"], row["system"], row["metric"]): row for row in rows}
    for graph, labels in dict.fromkeys((row["graph"], row["labels"]) for row in rows):
        times = [found[graph, labels, system, metric]["value"] for system in shown]
        ours = found[graph, labels, OURS, metric]
        cells = [f"{labels} labels, {graph}", *(f"{value:,.0f}" for value in times)]
        cells += [f"{ours['ratio_to_limit']:.2f}", f"{times[2] / times[1]:.1f}"]
        if memory:
            held = (found[graph, labels, system, "peak MiB of a step"]["value"] for system in shown)
            cells += [f"{value:,.1f}" for value in held]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--quick", action="store_true", help="8 and 64 labels, 3 rounds")
    parser.add_argument("--batch", type=int, default=64, help="features in a batch (default: 64)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on a CPU (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    sizes, rounds = ((8, 64), 3) if options.quick else ((8, 32, 128, 512), 21)
    print(f"expected: {'15 seconds' if options.quick else '10 minutes'}")
    rows: list[Row] = []
    for labels, kind in product(sizes, GRAPHS):
        fresh = measure(kind, labels, batch=options.batch, rounds=rounds, device=device)
        print(f"{labels} labels, {kind}", flush=True)
        for row in fresh:
            ratio = f"{row['ratio_to_limit']:8.2f} of the limit" if "ratio_to_limit" in row else ""
            print(f"  {row['system']:<32} {row['metric']:<20} {row['value']:>10}{ratio}", flush=True)
        rows += fresh
    chosen = ["--quick"] * options.quick
    for name, default in (("batch", 64), ("threads", 1), ("device", "cpu")):
        value = getattr(options, name)
        chosen += [f"--{name}", str(value)] * (value != default)
    result = {
        "name": "label_graph",
        "command": " ".join(["python", "benchmarks/speed/label_graph.py", *chosen]),
        "environment": environment(device),
        "data": "synthetic",
        "rows": rows,
        "limit": targets(rows),
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
