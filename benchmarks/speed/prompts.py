"""A training step of each adapter of CLIP beside its straightforward form, in one run.

Operations are counted, memory is that of the tensors alive at once (weights not in it), time is CPU
time of one thread, or of the device. The forms take turns, round after round; a number is the median,
a ratio the median of the ratios of each round. Before anything is timed, logits and gradients of both forms
are compared. What the machine has no room for is counted on shapes alone and not timed.

    python benchmarks/speed/prompts.py --out prompts.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast
from unittest import mock

import torch
from count_work import Counted, count_work, matmul_rate, seconds
from prompt_forms import (
    CASES,
    AdapterCase,
    Logits,
    Work,
    backward_of,
    full_tower,
    straightforward,
    towers_alone,
    weights_left_to_learn,
)
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from affectkit.adapters import CoOp, TipAdapter, make_adapter
from affectkit.encoders.clip import ClipBase, clip_base
from affectkit.labels import label_space
from affectkit.types import Encoding

NAMES: Final = {
    7: label_space("meld7.official").labels,
    28: label_space("goemotions28.official").labels,
}
PLAIN: Final = "straightforward"
OURS: Final = "affectkit"
STORED: Final = "affectkit, stored features"
TOWERS: Final = "cut towers alone"
#: The texts of a quarter of the pictures at once, computed again in the backward pass.
CHUNKS: Final = "affectkit, in four parts"
#: Largest difference of a logit or gradient, as a share of the largest one.
TOLERANCE: Final = 1e-6

Row = dict[str, str | int | float | bool | None]


class Setting:
    """What is the same for all cells: device, precision and how often."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.device = torch.device(options.device)
        self.rounds: int = 1 if options.quick else options.rounds
        self.low_precision = self.device.type == "cuda"
        if self.device.type == "cuda":
            self.room = 0.8 * torch.cuda.get_device_properties(self.device).total_memory
        else:
            self.room = 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.count_only: bool = options.count
        self.shapes = FakeTensorMode(allow_non_fake_inputs=True)
        self.rate = matmul_rate(self.device, torch.bfloat16 if self.low_precision else torch.float32)

    def precision(self) -> contextlib.AbstractContextManager[object]:
        """Autocast on a GPU, nothing on a CPU."""
        return torch.autocast("cuda", torch.bfloat16) if self.low_precision else contextlib.nullcontext()

    def measure(
        self, runs: dict[str, Work], *, large: Sequence[str] = ()
    ) -> tuple[dict[str, list[float]], dict[str, Counted]]:
        """Count each run and time them in turns; those in ``large`` only where there is room."""
        counts: dict[str, Counted] = {}
        timed: list[str] = []
        for name, work in runs.items():
            if self.count_only or name in large:
                counts[name] = count_work(work, shapes=self.shapes, keeps=name == OURS)
                if self.count_only or counts[name].peak_bytes > self.room:
                    continue
            timed.append(name)
            # Counting runs the work, which warms it up.
            counts[name] = count_work(work)
            if self.low_precision:
                work()
        times: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(self.rounds if timed else 0):
            for name in timed[turn % len(timed) :] + timed[: turn % len(timed)]:
                times[name].append(seconds(runs[name], self.device))
        return times, counts


def build(case: AdapterCase, base: ClipBase, names: Sequence[str]) -> nn.Module:
    """An adapter in training, away from its first values: a product with zeros would prove little."""
    torch.manual_seed(0)
    adapter = make_adapter(case.name, base, names, **case.options)
    device = base.logit_scale.device
    if isinstance(adapter, TipAdapter):
        keys = torch.randn(16 * len(names), base.embed_dim, device=device)
        labels = torch.arange(len(keys), device=device) % len(names)
        adapter.build_cache([(keys, labels)])
    module = cast(nn.Module, adapter).to(device)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn_like(parameter))
    return module.train()


def steps_of(case: AdapterCase, module: nn.Module, images: Tensor, setting: Setting) -> dict[str, Work]:
    """The forms of a training step by name."""
    adapter: Any = module
    labels = torch.arange(len(images), device=images.device) % len(adapter.class_names)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-4) if trained else None

    ours = form_of(module)

    def cut_anew(pictures: Tensor) -> Tensor:
        adapter.text.memory.clear()
        return ours(pictures)

    def in_chunks(pictures: Tensor) -> Tensor:
        adapter.chunk_size = -(-len(pictures) // 4)
        try:
            return ours(pictures)
        finally:
            adapter.chunk_size = 0

    def stored(features: Tensor) -> Tensor:
        logits: Tensor = adapter(Encoding(features)).logits
        return logits

    def step(logits: Logits, inputs: Tensor) -> None:
        if optimizer is None:
            with torch.no_grad(), setting.precision():
                logits(inputs)
            return
        optimizer.zero_grad()
        with setting.precision():
            loss = functional.cross_entropy(logits(inputs), labels)
        torch.autograd.backward(loss)
        optimizer.step()

    def towers() -> None:
        with setting.precision():
            alone()

    alone = towers_alone(case.name, adapter, images)
    runs: dict[str, Work] = {PLAIN: partial(step, straightforward(case.name, adapter), images)}
    if case.fixed_text:
        runs["cut, encoded anew"] = partial(step, cut_anew, images)
    runs[OURS] = partial(step, ours, images)
    if case.name == "cocoop":
        runs[CHUNKS] = partial(step, in_chunks, images)
    if not adapter.adapts_images:
        runs[STORED] = partial(step, stored, torch.randn(len(images), adapter.base.embed_dim).to(images))
    if setting.low_precision:
        compiled = cast(Logits, torch.compile(ours, fullgraph=True))
        runs[f"{OURS}, compiled"] = partial(step, compiled, images)
    runs[TOWERS] = towers
    return runs


def difference(module: nn.Module, plain: Logits, ours: Logits, images: Tensor) -> float:
    """Largest difference of logits and gradients, as a share of the largest number of each."""
    found = []
    for logits_of in (plain, ours):
        module.zero_grad()
        logits = logits_of(images)
        labels = torch.arange(len(images), device=images.device) % logits.shape[1]
        if logits.requires_grad:
            torch.autograd.backward(functional.cross_entropy(logits, labels))
        found.append([logits.detach(), *(p.grad for p in module.parameters() if p.grad is not None)])
    module.zero_grad()
    assert len(found[0]) == len(found[1])
    return max(float((one - other).abs().max() / one.abs().max()) for one, other in zip(*found))


def check_equal(case: AdapterCase, base: ClipBase, names: Sequence[str], images: Tensor) -> dict[str, float]:
    """Compare both forms in float64, where only a mistake can tell them apart, and in float32."""
    module = build(case, base, names)
    single = difference(module, straightforward(case.name, module), form_of(module), images)
    module.double().train()
    try:
        # Cosines are otherwise kept in float32.
        with mock.patch.object(Tensor, "float", Tensor.double):
            double = difference(module, straightforward(case.name, module), form_of(module), images.double())
    finally:
        base.float()
    if double > TOLERANCE:
        raise AssertionError(f"{case.name} differs from its straightforward form by {double:.1e}.")
    return {"float64": double, "float32": single}


def form_of(module: nn.Module) -> Logits:
    adapter: Any = module

    def ours(images: Tensor) -> Tensor:
        logits: Tensor = adapter(adapter.encode(images)).logits
        return logits

    return ours


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float | None:
    pairs = [a / b for a, b in zip(slower, faster)]
    return round(statistics.median(pairs), 3) if pairs else None


def rows_of(
    times: dict[str, list[float]], counts: dict[str, Counted], setting: Setting, cell: Row, reference: str
) -> Iterator[Row]:
    """One row for each form, printed as it goes."""
    label = " ".join(f"{value}" for value in cell.values())
    print(
        f"\n{label}\n{'':30}{'ms':>9}{'sd':>8}{'times':>8}{'GFLOP':>10}{'times':>8}{'MiB':>9}{'of peak':>9}"
    )
    for system, taken in times.items():
        count = counts[system]
        median = statistics.median(taken) if taken else None
        row: Row = {
            "system": system,
            **cell,
            "metric": "ms a step",
            "value": None if median is None else round(1000 * median, 2),
            "sd": None if median is None else round(1000 * statistics.pstdev(taken), 2),
            "n": len(taken),
            "times_faster": ratio(times[reference], taken),
            "gflop": round(count.flops / 1e9, 4),
            "times_fewer_operations": round(counts[reference].flops / count.flops, 3)
            if count.flops
            else None,
            "peak_mib": round(count.peak_bytes / 2**20, 3),
            "share_of_peak": None if median is None else round(count.flops / median / setting.rate, 3),
        }
        if TOWERS in times:
            row["times_the_towers"] = ratio(taken, times[TOWERS])
        shown = ["" if row[key] is None else str(row[key]) for key in COLUMNS]
        print(f"{system:30}" + "".join(f"{text:>{width}}" for text, width in zip(shown, WIDTHS)), flush=True)
        yield row


COLUMNS: Final = (
    "value",
    "sd",
    "times_faster",
    "gflop",
    "times_fewer_operations",
    "peak_mib",
    "share_of_peak",
)
WIDTHS: Final = (9, 8, 8, 10, 8, 9, 9)


def text_runs(base: ClipBase, count: int) -> dict[str, Work]:
    """The text tower over the prompts of CoOp, with and without what follows them."""
    adapter = CoOp(base, NAMES[count], num_context=16)
    tower = base.require_text()
    prompts: Tensor = adapter.layout(tower, adapter.context)
    end = adapter.layout.end
    cut = prompts.detach().requires_grad_()
    full = functional.pad(prompts.detach(), (0, 0, 0, tower.context_length - cut.shape[1])).requires_grad_()

    def cut_run() -> None:
        texts: Tensor = tower(cut, end, cut=False)
        backward_of(texts)

    def full_run() -> None:
        backward_of(full_tower(base, full, end))

    return {f"{tower.context_length} positions": full_run, f"cut to {cut.shape[1]}": cut_run}


def image_runs(base: ClipBase, batch: int) -> dict[str, Work]:
    """The image tower where nothing was frozen but by the optimizer, and frozen."""
    images = pictures(base, batch)

    def frozen() -> None:
        base.encode_image(images)

    return {"weights left to learn": weights_left_to_learn(base, images), "frozen, no graph": frozen}


def tower_rows(base: ClipBase, classes: Sequence[int], batches: Sequence[int], setting: Setting) -> list[Row]:
    """Each saving by itself: texts that are cut, and pictures without a graph."""
    cells: list[tuple[Row, dict[str, Work]]] = [
        ({"part": "text tower, prompts of CoOp", "classes": count}, text_runs(base, count))
        for count in classes
    ]
    cells += [({"part": "image tower", "batch": batch}, image_runs(base, batch)) for batch in batches]
    rows: list[Row] = []
    for cell, runs in cells:
        rows += rows_of(*setting.measure(in_precision(runs, setting)), setting, cell, next(iter(runs)))
    return rows


def in_precision(runs: dict[str, Work], setting: Setting) -> dict[str, Work]:
    def run(work: Work) -> None:
        with setting.precision():
            work()

    return {name: partial(run, work) for name, work in runs.items()}


def pictures(base: ClipBase, batch: int) -> Tensor:
    generator = torch.Generator().manual_seed(batch)
    device = base.logit_scale.device
    return torch.randn(batch, 3, *base.image.image_size, generator=generator).to(device)


def targets(rows: Sequence[Row]) -> list[Row]:
    """What was aimed at, and what came out."""

    def values(key: str, keep: Callable[[Row], bool]) -> list[float]:
        return [float(cast(float, row[key])) for row in rows if keep(row) and row.get(key) is not None]

    def shares(key: str, system: str, of: str) -> list[float]:
        def cells(name: str) -> dict[tuple[object, object], float]:
            return {
                (row["classes"], row["batch"]): float(cast(float, row[key]))
                for row in rows
                if row.get("adapter") == "cocoop" and row["system"] == name
            }

        reference = cells(of)
        return [value / reference[cell] for cell, value in cells(system).items()]

    cut = values("times_faster", lambda row: str(row["system"]).startswith("cut to "))
    over = values("times_the_towers", lambda row: row["system"] == OURS)
    aims: list[tuple[str, list[float], str, float]] = [
        ("text tower, times faster when cut", cut, ">=", 2.5),
        ("whole step, times the cut towers alone", over, "<=", 1.1),
    ]
    for system, reference in ((OURS, PLAIN), (CHUNKS, PLAIN), (CHUNKS, OURS)):
        what = f"CoCoOp, {system} / {reference}"
        aims.append((f"{what}: memory", shares("peak_mib", system, reference), "<=", 1 / 3))
        aims.append((f"{what}: operations", shares("gflop", system, reference), "<=", 1.3))
    found: list[Row] = []
    for name, numbers, sign, aim in aims:
        if not numbers:
            continue
        worst = min(numbers) if sign == ">=" else max(numbers)
        met = worst >= aim if sign == ">=" else worst <= aim
        found.append({"target": name, "worst": round(worst, 3), "aim": f"{sign} {aim:.3g}", "met": met})
    return found


def environment(setting: Setting) -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    hardware = f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    if setting.device.type == "cuda":
        hardware = torch.cuda.get_device_name(setting.device)
    return {
        "hardware": hardware,
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "open_clip_torch")},
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda: with bfloat16, and compiled too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, nargs="+", default=[4, 32])
    parser.add_argument("--classes", type=int, nargs="+", default=[7, 28], choices=sorted(NAMES))
    parser.add_argument("--adapters", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; their time is added up")
    parser.add_argument("--count", action="store_true", help="operations and memory alone, on shapes")
    parser.add_argument("--quick", action="store_true", help="a tiny model, one round")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    options = arguments(given)
    torch.set_num_threads(options.threads)
    setting = Setting(options)
    base = clip_base("tiny" if options.quick else "ViT-B-32").to(setting.device)
    batches: list[int] = [3] if options.quick else options.batch
    rows = tower_rows(base, options.classes, batches, setting)
    how = [] if options.quick else ["--batch", *map(str, options.batch), "--rounds", str(setting.rounds)]
    how = ["--count"] if options.count else how
    if options.classes != [7, 28]:
        how += ["--classes", *map(str, options.classes)]
    if options.adapters:
        how += ["--adapters", *options.adapters]
    if options.device != "cpu":
        how += ["--device", options.device]
    command = " ".join(["python benchmarks/speed/prompts.py", *["--quick"][: options.quick], *how])
    differences: dict[str, dict[str, float]] = {}
    for case in CASES:
        if options.adapters and case.name not in options.adapters:
            continue
        differences[case.name] = check_equal(case, base, NAMES[7][:3], pictures(base, 2))
        for count in options.classes:
            for batch in batches:
                images = pictures(base, batch)
                runs = steps_of(case, build(case, base, NAMES[count]), images, setting)
                cell: Row = {"adapter": case.name, "classes": count, "batch": batch}
                # Only a text for each picture and class comes near the memory of a machine.
                large = [PLAIN] if case.name == "cocoop" and not options.quick else []
                rows += rows_of(*setting.measure(runs, large=large), setting, cell, PLAIN)
                write(options.out, rows, command, setting, differences)
    for row in targets(rows):
        print(f"{row['target']:70}{row['worst']:>8} {row['aim']:>9} {'met' if row['met'] else 'MISSED'}")


def write(
    out: Path, rows: list[Row], command: str, setting: Setting, differences: dict[str, dict[str, float]]
) -> None:
    """Write what there is so far: a long run may be cut short."""
    result = {
        "name": "prompts",
        "command": command,
        "environment": environment(setting),
        "data": "synthetic; random pictures",
        "differences": differences,
        "rows": rows,
        "targets": targets(rows),
        "limit": {
            "what": f"'{TOWERS}' in each cell; share_of_peak refers to one large matrix product in this run",
            "matmul_gflops": round(setting.rate / 1e9, 1),
        },
    }
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
