"""Stored features of conversations to padded batches: affectkit beside other loaders, in one run.

Dialogues of 20 to 40 utterances with text (1024), audio (300) and visual (342) features in float32. All
of "the same files" read the same tars: JSON for speakers and labels, safetensors for features. A
number is the median over rounds of the CPU time of a whole epoch, divided by its dialogues; systems
take turns in one process. Peers read sequentially and check nothing; affectkit shuffles fully and
refuses what is not strict JSON, damaged or out of range.

    python benchmarks/speed/features.py --out features.json
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import io
import json
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.torch
import torch
import webdataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from affectkit.data import ConversationDataModule
from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest, open_shards
from affectkit.data.store import shards_to_lmdb
from affectkit.labels import label_space

BATCH: Final = 16
DIMS: Final = {"audio": 300, "text": 1024, "visual": 342}
PEER: Final = "webdataset, the same files"
OURS: Final = "affectkit, the same files"

Row = dict[str, str | int | float]
Dialogue = tuple[dict[str, Tensor], Tensor, Tensor]


def make_sets(root: Path, count: int) -> None:
    """The shards, and the same dialogues as LMDB, as tars of npz and as litdata chunks."""
    if (root / "shards").exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    template = Manifest(
        name="dialogues",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="benchmarks/speed/features.py",
        features={name: FeatureSpec(dim, "float32", "none") for name, dim in DIMS.items()},
        synthetic=True,
    )
    draw, generator = random.Random(0), torch.Generator().manual_seed(0)
    (root / "npz").mkdir()
    with (
        DatasetWriter(root / "shards", template, shard_samples=100) as writer,
        webdataset.TarWriter(str(root / "npz" / "train-0.tar")) as tar,
    ):
        for i in range(count):
            size, key = draw.randint(20, 40), f"d{i:05}"
            utterances: list[UtteranceRecord] = [
                {
                    "id": str(j),
                    "text": "so, tell me what you were thinking about",
                    "speaker": draw.randrange(3),
                    "label": draw.randrange(7),
                }
                for j in range(size)
            ]
            record: ConversationRecord = {"id": key, "speakers": ["a", "b", "c"], "utterances": utterances}
            features = {name: torch.randn(size, dim, generator=generator) for name, dim in DIMS.items()}
            writer.add_conversation("train", key, record, features=features)
            file = io.BytesIO()
            np.savez(file, allow_pickle=False, **{name: tensor.numpy() for name, tensor in features.items()})
            tar.write({"__key__": key, "json": record, "npz": file.getvalue()})
    shards_to_lmdb(root / "shards", root / "lmdb")
    if importlib.util.find_spec("litdata"):
        # in a process of its own: litdata's writer prints and leaves threads
        command = [sys.executable, __file__, "--write-litdata", str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class LitdataItem:
    """One stored dialogue as litdata's own tensors."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, position: int) -> dict[str, Tensor]:
        """Read one dialogue."""
        members = open_shards(self.root / "shards", "train").get(position)
        features, speakers, labels = dialogue(bytes(members["json"]), bytes(members["safetensors"]))
        return {**features, "speakers": speakers, "labels": labels}


def write_litdata(root: Path) -> None:
    litdata: Any = importlib.import_module("litdata")
    count = len(open_shards(root / "shards", "train"))
    litdata.optimize(
        fn=LitdataItem(root),
        inputs=list(range(count)),
        output_dir=str(root / "litdata"),
        chunk_bytes="64MB",
        num_workers=1,
    )


def dialogue(record: bytes, features: bytes) -> Dialogue:
    utterances = json.loads(record)["utterances"]
    speakers = torch.tensor([u["speaker"] for u in utterances])
    labels = torch.tensor([u["label"] for u in utterances])
    return safetensors.torch.load(features), speakers, labels


def from_tar(sample: dict[str, Any]) -> Dialogue:
    return dialogue(sample["json"], sample["safetensors"])


def from_npz(sample: dict[str, Any]) -> Dialogue:
    utterances = json.loads(sample["json"])["utterances"]
    with np.load(io.BytesIO(sample["npz"]), allow_pickle=False) as stored:
        features = {name: torch.from_numpy(stored[name]) for name in DIMS}
    labels = torch.tensor([u["label"] for u in utterances])
    return features, torch.tensor([u["speaker"] for u in utterances]), labels


def from_chunk(rows: Sequence[dict[str, Tensor]]) -> tuple[Any, ...]:
    return pad([({name: row[name] for name in DIMS}, row["speakers"], row["labels"]) for row in rows])


def pad(rows: Sequence[Dialogue]) -> tuple[Any, ...]:
    """Padded features, mask, speakers and labels, by torch's own padding."""
    features = {name: pad_sequence([row[0][name] for row in rows], batch_first=True) for name in DIMS}
    lengths = torch.tensor([len(row[2]) for row in rows])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    speakers = pad_sequence([row[1] for row in rows], batch_first=True, padding_value=-1)
    labels = pad_sequence([row[2] for row in rows], batch_first=True, padding_value=-100)
    return features, mask, speakers, labels


def batches(system: str, root: Path, workers: int = 0) -> Iterator[int]:
    """One epoch of ``system``; yields the number of dialogues of each batch."""
    loader: Iterable[Any]
    if system.startswith("webdataset"):
        folder, read = ("npz", from_npz) if "npz" in system else ("shards", from_tar)
        urls = sorted(str(path) for path in (root / folder).glob("*.tar"))
        tars = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).map(read)
        tars = tars.batched(BATCH, collation_fn=pad)
        loader = webdataset.WebLoader(tars, batch_size=None, num_workers=workers) if workers else tars
    elif system.startswith("litdata"):
        litdata: Any = importlib.import_module("litdata")
        chunks = litdata.StreamingDataset(str(root / "litdata"), shuffle=False)
        loader = litdata.StreamingDataLoader(
            chunks, batch_size=BATCH, num_workers=workers, collate_fn=from_chunk
        )
    else:
        stored = root / ("lmdb" if "LMDB" in system else "shards")
        data = ConversationDataModule(str(stored), batch_size=BATCH, num_workers=workers, tail="wrap")
        for batch in data.train_dataloader():
            yield checked(batch.inputs, len(batch))
        return
    for features, mask, _, _ in loader:
        yield checked(features, len(mask))


def checked(features: dict[str, Tensor], rows: int) -> int:
    for name, dim in DIMS.items():
        shape = features[name].shape
        if shape[0] != rows or shape[2] != dim or features[name].dtype != torch.float32:
            raise SystemExit(f"{name} is {tuple(shape)}: the comparison is not fair.")
    return rows


def copy_limit(root: Path) -> Callable[[], Iterator[int]]:
    """Copying the bytes of features once, from memory into one array that is used again."""
    store = open_shards(root / "shards", "train")
    files = [np.frombuffer(store.get(i)["safetensors"], dtype=np.uint8) for i in range(len(store))]
    out = np.zeros(max(map(len, files)), dtype=np.uint8)

    def run() -> Iterator[int]:
        for data in files:
            out[: len(data)] = data
            yield 1

    return run


def systems() -> list[str]:
    found = [PEER, "webdataset, npz"]
    found += ["litdata, its own format"] if importlib.util.find_spec("litdata") else []
    return [*found, "affectkit over LMDB", OURS]


def measure(
    runs: dict[str, Callable[[], Iterator[int]]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall seconds a dialogue, for each round; systems take turns, in turning order."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds + 1):  # the first one warms up and is not counted
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            dialogues = sum(runs[name]())
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if turn:
                found[name].append((cpu / dialogues, wall / dialogues))
    return found


def worker_cell(system: str, root: Path, answer: Connection) -> None:
    """Time to the first batch and memory of the one worker."""
    started = time.perf_counter()
    run = batches(system, root, workers=1)
    next(run)
    first = time.perf_counter() - started
    workers = multiprocessing.active_children()
    answer.send((first, max((pss(worker.pid) for worker in workers if worker.pid), default=float("nan"))))
    for worker in workers:
        worker.kill()
    os._exit(0)  # the loader is left in the middle of an epoch; nobody needs its goodbye


def pss(pid: int) -> float:
    """Proportional share of memory in MiB: pages that processes share are divided among them."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def with_one_worker(system: str, root: Path) -> tuple[float, float]:
    """Seconds to the first batch and MiB of the worker, in a process forked off for the purpose."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=worker_cell, args=(system, root, there))
    process.start()
    there.close()  # so that a process that fails is an end of file here, and not a silence
    first, memory = here.recv()
    process.join()
    return first, memory


def environment() -> dict[str, object]:
    def installed(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    names = ("torch", "safetensors", "webdataset", "litdata", "lmdb", "numpy")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
        "versions": {"python": platform.python_version(), **{name: installed(name) for name in names}},
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def compare(root: Path, rounds: int) -> tuple[list[Row], float]:
    runs: dict[str, Callable[[], Iterator[int]]] = {
        system: partial(batches, system, root) for system in systems()
    }
    runs["limit"] = copy_limit(root)
    found = measure(runs, rounds)
    limit = statistics.median(cpu for cpu, _ in found["limit"])
    rows: list[Row] = []
    print(f"{'':28}{'us CPU':>9}{'sd':>7}{'/s wall':>9}{'same files/':>13}{'first ms':>10}{'MiB':>8}")
    for system, times in found.items():
        cpus = [cpu for cpu, _ in times]
        # ratios of each round, since what else the machine does changes from round to round
        ratios = [peer / cpu for (peer, _), cpu in zip(found[PEER], cpus, strict=True)]
        row: Row = {
            "system": system,
            "metric": "us CPU a dialogue",
            "value": round(1e6 * statistics.median(cpus), 1),
            "sd": round(1e6 * statistics.pstdev(cpus), 1),
            "n": rounds,
            "dialogues_per_second_wall": round(1 / statistics.median(wall for _, wall in times), 1),
            "times_faster_than_webdataset_same_files": round(statistics.median(ratios), 2),
        }
        if system != "limit":
            first, memory = with_one_worker(system, root)
            row["first_batch_ms_one_worker"] = round(1000 * first, 1)
            row["worker_pss_mib"] = round(memory, 1)
        rows.append(row)
        print(
            f"{system:28}{row['value']:>9}{row['sd']:>7}{row['dialogues_per_second_wall']:>9}"
            f"{row['times_faster_than_webdataset_same_files']:>13}"
            f"{row.get('first_batch_ms_one_worker', ''):>10}{row.get('worker_pss_mib', ''):>8}",
            flush=True,
        )
    return rows, limit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--data", type=Path, help="folder to make and keep the dialogues in")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="few dialogues, two rounds")
    parser.add_argument("--write-litdata", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.write_litdata:
        write_litdata(options.write_litdata)
        return
    if options.out is None:
        parser.error("--out is needed")
    rounds, count = (2, 96) if options.quick else (options.rounds, 800)
    print(f"expected: {'half a minute' if options.quick else '2 minutes'}")
    with tempfile.TemporaryDirectory() as folder:
        root = options.data or Path(folder)
        make_sets(root, count)
        rows, limit = compare(root, rounds)
    how = "--quick" if options.quick else f"--rounds {rounds}"
    result = {
        "name": "features",
        "command": f"python benchmarks/speed/features.py {how}",
        "environment": environment(),
        "data": f"synthetic; {count} dialogues of 20 to 40 utterances, {DIMS}",
        "rows": rows,
        "limit": {"what": "one copy from memory, us CPU a dialogue", "value": round(1e6 * limit, 1)},
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
