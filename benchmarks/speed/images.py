"""Pictures from storage to a batch: affectkit beside the loaders that people use, in one run.

Two input sets (224 px as is; 300 to 800 px through the same random-resized crops and flips on both
sides), two outputs (uint8; float32 normalised, the normalisation counted). Systems take turns, round
after round, in one process; a number is the median over rounds of the CPU time of a whole epoch,
divided by its pictures. Time to the first batch and memory of a worker are measured in a process
of its own each, with one worker; pages that it shares with its parent count in part. Peers read
sequentially; affectkit shuffles fully.

    python benchmarks/speed/images.py --out images.json
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
import torch
import webdataset
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from affectkit.data import ImageDataModule
from affectkit.data.decode import Crop, NormalizePixels, crop_into, has_fast_jpeg, random_crop
from affectkit.data.plan import sample_generator
from affectkit.data.shards import DatasetWriter, Licence, Manifest, open_shards
from affectkit.data.store import shards_to_lmdb
from affectkit.labels import label_space

BATCH: Final = 64
SIDE: Final = 224
USUAL: Final = "webdataset + PIL"
#: What most training scripts do, whatever output is asked for: the reference of the ratios.
FLOAT_PEER: Final = "the same, ToTensor + Normalize"
FAST_PEER: Final = "webdataset + simplejpeg"
OURS: Final = "affectkit"
MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)
SETS: Final = ("224", "300-800")
OUTPUTS: Final = ("uint8", "float")

Row = dict[str, str | int | float]


def jpeg(seed: int, height: int, width: int) -> bytes:
    """A smooth picture with fine noise, of about the size that photographs of faces have."""
    draw = np.random.default_rng(seed)
    small = draw.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    noisy = np.clip(smooth + draw.normal(0, 7, (height, width, 1)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, format="JPEG", quality=88)
    return file.getvalue()


def make_sets(root: Path, counts: dict[str, int]) -> None:
    """Shards, the same files as a folder of classes, as LMDB and as litdata chunks."""
    for name, count in counts.items():
        home = root / name
        if (home / "shards").exists():
            continue
        template = Manifest(
            name=f"pictures-{name}",
            kind="image",
            label_space=label_space("meld7.official"),
            licence=Licence("CC0", "synthetic"),
            created_by="benchmarks/speed/images.py",
            synthetic=True,
        )
        sizes = np.random.default_rng(0).integers(300, 801, (count, 2)) if name == "300-800" else None
        home.mkdir(parents=True, exist_ok=True)
        with DatasetWriter(home / "shards", template, shard_samples=100) as writer:
            for i in range(count):
                height, width = (SIDE, SIDE) if sizes is None else sizes[i].tolist()
                data, key = jpeg(i, height, width), f"{i:06}"
                writer.add_item("train", key, {"id": key, "label": i % 7}, members={"jpg": data})
                folder = home / "folder" / str(i % 7)
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{key}.jpg").write_bytes(data)
        shards_to_lmdb(home / "shards", home / "lmdb")
        if importlib.util.find_spec("litdata"):
            # in a process of its own: litdata's writer prints and leaves threads
            command = [sys.executable, __file__, "--write-litdata", str(home)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def litdata_item(path: str) -> dict[str, object]:
    file = Path(path)
    return {"key": file.stem, "jpg": file.read_bytes(), "label": int(file.parent.name)}


def write_litdata(home: Path) -> None:
    litdata: Any = importlib.import_module("litdata")
    files = sorted(map(str, (home / "folder").rglob("*.jpg")), key=lambda path: Path(path).name)
    litdata.optimize(
        fn=litdata_item, inputs=files, output_dir=str(home / "litdata"), chunk_bytes="64MB", num_workers=1
    )


class Finish:
    """Decoded picture to what goes into the batch, the way each decoder's users write it."""

    def __init__(self, decoder: str, boxes: dict[str, Crop] | None, output: str) -> None:
        self.decoder = decoder
        self.boxes = boxes
        self.output = output

    def __call__(self, data: bytes, key: str) -> Tensor:
        """Decode, crop and convert one picture."""
        crop = None if self.boxes is None else self.boxes[key]
        if self.decoder == "PIL":
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            return self.pillow(picture, crop)
        if self.decoder == "torchvision":
            from torchvision.io import decode_jpeg
            from torchvision.transforms.v2.functional import hflip, resized_crop

            pixels: Tensor = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8))
            if crop is not None:
                pixels = resized_crop(pixels, *crop[:4], size=[SIDE, SIDE], antialias=True)
                pixels = hflip(pixels) if crop.flip else pixels
            return self.tensor(pixels)
        array: NDArray[np.uint8] = importlib.import_module("simplejpeg").decode_jpeg(data)
        if crop is not None:
            out = np.empty((SIDE, SIDE, 3), dtype=np.uint8)
            crop_into(array, crop, out)
            array = out
        return self.tensor(torch.from_numpy(array).permute(2, 0, 1))

    def pillow(self, picture: Image.Image, crop: Crop | None) -> Tensor:
        """The Pillow way."""
        from torchvision.transforms.functional import normalize, to_tensor

        if crop is not None:
            box = (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
            picture = picture.crop(box).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            if crop.flip:
                picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.output == "uint8":
            return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        normal: Tensor = normalize(to_tensor(picture), MEAN, STD)
        return normal

    def tensor(self, pixels: Tensor) -> Tensor:
        """The tensor way."""
        if self.output == "uint8":
            return pixels
        from torchvision.transforms.functional import normalize

        normal: Tensor = normalize(pixels.float().div_(255), MEAN, STD)
        return normal


class FromTar:
    """What webdataset maps over its samples."""

    def __init__(self, finish: Finish) -> None:
        self.finish = finish

    def __call__(self, sample: dict[str, Any]) -> tuple[Tensor, int]:
        """Picture and label of one sample."""
        label: int = json.loads(sample["json"])["label"]
        return self.finish(sample["jpg"], sample["__key__"]), label


class FromFolder:
    """What ImageFolder opens a path with."""

    def __init__(self, finish: Finish) -> None:
        self.finish = finish

    def __call__(self, path: str) -> Tensor:
        """Picture of one file."""
        return self.finish(Path(path).read_bytes(), Path(path).stem)


class FromChunks:
    """What joins litdata's rows."""

    def __init__(self, finish: Finish) -> None:
        self.finish = finish

    def __call__(self, rows: Sequence[dict[str, Any]]) -> tuple[Tensor, Tensor]:
        """Pictures and labels of a batch."""
        pixels = torch.stack([self.finish(row["jpg"], row["key"]) for row in rows])
        return pixels, torch.tensor([row["label"] for row in rows])


def batches(system: str, home: Path, output: str, workers: int = 0) -> Iterator[int]:
    """One epoch of ``system``; yields the number of pictures of each batch."""
    crops = None if home.name == "224" else boxes(home)
    decoder = system.rpartition(" + ")[2]
    loader: Iterable[Any]
    if system.startswith("webdataset"):
        urls = sorted(str(path) for path in (home / "shards").glob("*.tar"))
        read = FromTar(Finish(decoder, crops, output))
        tars = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).map(read).batched(BATCH)
        loader = webdataset.WebLoader(tars, batch_size=None, num_workers=workers) if workers else tars
    elif system.startswith("ImageFolder"):
        from torchvision.datasets import ImageFolder

        folder = ImageFolder(str(home / "folder"), loader=FromFolder(Finish(decoder, crops, output)))
        loader = torch.utils.data.DataLoader(folder, batch_size=BATCH, num_workers=workers)
    elif system.startswith("litdata"):
        litdata: Any = importlib.import_module("litdata")
        chunks = litdata.StreamingDataset(str(home / "litdata"), shuffle=False)
        join = FromChunks(Finish(decoder, crops, output))
        loader = litdata.StreamingDataLoader(chunks, batch_size=BATCH, num_workers=workers, collate_fn=join)
    else:
        root = home / ("lmdb" if "LMDB" in system else "shards")
        yield from own_batches(root, output, workers, augment=crops is not None)
        return
    for pixels, labels in loader:
        yield checked(pixels, len(labels), output)


def own_batches(root: Path, output: str, workers: int, *, augment: bool) -> Iterator[int]:
    data = ImageDataModule(
        str(root),
        size=SIDE if augment else None,
        crop_scale=(0.08, 1.0) if augment else None,
        flip=0.5 if augment else 0.0,
        batch_size=BATCH,
        num_workers=workers,
        tail="wrap",
    )
    normalise = NormalizePixels()
    for batch in data.train_dataloader():
        pixels: Tensor = batch.inputs["visual"]
        if output == "float":
            pixels = normalise(pixels)
        yield checked(pixels, len(batch), output)


def checked(pixels: Tensor, rows: int, output: str) -> int:
    wanted = torch.uint8 if output == "uint8" else torch.float32
    if pixels.dtype != wanted or pixels.shape[1:] != (3, SIDE, SIDE) or len(pixels) != rows:
        raise SystemExit(f"A batch is {tuple(pixels.shape)} {pixels.dtype}: the comparison is not fair.")
    return rows


_BOXES: dict[Path, dict[str, Crop]] = {}


def boxes(home: Path) -> dict[str, Crop]:
    """The box that affectkit draws for each picture in epoch 0, so that peers cut the same ones."""
    if home not in _BOXES:
        store, found = open_shards(home / "shards", "train"), {}
        for position in range(len(store)):
            with Image.open(io.BytesIO(store.get(position)["jpg"])) as picture:
                width, height = picture.size
            generator = sample_generator(0, epoch=0, position=position)
            found[store.key(position)] = random_crop(height, width, generator=generator)
        _BOXES[home] = found
    return _BOXES[home]


def decode_limit(home: Path) -> Callable[[], Iterator[int]]:
    """Decoding from memory into one array that is used again: nothing that loads can be faster."""
    store = open_shards(home / "shards", "train")
    files = [bytes(store.get(position)["jpg"]) for position in range(len(store))]
    out = np.empty((SIDE, SIDE, 3), dtype=np.uint8)

    def run() -> Iterator[int]:
        simplejpeg: Any = importlib.import_module("simplejpeg")
        for data in files:
            if home.name == "224":
                simplejpeg.decode_jpeg(data, buffer=out)
            else:
                simplejpeg.decode_jpeg(data)
            yield 1

    return run


def systems() -> list[str]:
    found = [USUAL, "webdataset + torchvision"]
    found += [FAST_PEER] if has_fast_jpeg() else []
    found += ["ImageFolder + PIL"]
    found += ["litdata + simplejpeg"] if importlib.util.find_spec("litdata") and has_fast_jpeg() else []
    return [*found, "affectkit over LMDB", OURS]


def measure(
    runs: dict[str, Callable[[], Iterator[int]]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall seconds a picture, for each round; systems take turns, in turning order."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds + 1):  # the first one warms up and is not counted
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            pictures = sum(runs[name]())
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if turn:
                found[name].append((cpu / pictures, wall / pictures))
    return found


def worker_cell(system: str, home: Path, output: str, answer: Connection) -> None:
    """Time to the first batch and memory of the one worker."""
    started = time.perf_counter()
    run = batches(system, home, output, workers=1)
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


def environment() -> dict[str, object]:
    def installed(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    names = ("torch", "torchvision", "pillow", "simplejpeg", "webdataset", "litdata", "lmdb", "numpy")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
        "versions": {"python": platform.python_version(), **{name: installed(name) for name in names}},
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def compare(root: Path, rounds: int) -> tuple[list[Row], dict[str, float]]:
    rows: list[Row] = []
    limits: dict[str, float] = {}
    for name in SETS:
        home = root / name
        for output in OUTPUTS:
            cell = f"{name} px to {output}"
            runs: dict[str, Callable[[], Iterator[int]]] = {
                system: partial(batches, system, home, output) for system in systems()
            }
            if output == "uint8":
                runs = {FLOAT_PEER: partial(batches, USUAL, home, "float"), **runs}
            if has_fast_jpeg():
                runs["limit"] = decode_limit(home)
            found = measure(runs, rounds)
            usual = [cpu for cpu, _ in found[FLOAT_PEER if output == "uint8" else USUAL]]
            fast = [cpu for cpu, _ in found.get(FAST_PEER, found[USUAL])]
            limits[cell] = 1e6 * statistics.median(cpu for cpu, _ in found.get("limit", found[OURS]))
            print(
                f"\n{cell}\n{'':28}{'us CPU':>9}{'sd':>7}{'/s wall':>9}{'usual/':>8}{'fast/':>7}{'limit/':>8}"
                f"{'first ms':>10}{'MiB':>8}"
            )
            for system, times in found.items():
                cpus = [cpu for cpu, _ in times]
                alone = system in ("limit", FLOAT_PEER)
                worker = None if alone else with_one_worker(system, home, output)
                row: Row = {
                    "system": system,
                    "metric": f"{cell}: us CPU a picture",
                    "value": round(1e6 * statistics.median(cpus), 1),
                    "sd": round(1e6 * statistics.pstdev(cpus), 1),
                    "n": rounds,
                    "pictures_per_second_wall": round(1 / statistics.median(wall for _, wall in times), 1),
                    # ratios of each round, since what else the machine does changes from round to round
                    "times_faster_than_usual": ratio(usual, cpus),
                    "times_faster_than_webdataset_simplejpeg": ratio(fast, cpus),
                    "share_of_decode_limit": round(limits[cell] / (1e6 * statistics.median(cpus)), 3),
                }
                if worker:
                    row["first_batch_ms_one_worker"] = round(1000 * worker[0], 1)
                    row["worker_pss_mib"] = round(worker[1], 1)
                rows.append(row)
                print(
                    f"{system:28}{row['value']:>9}{row['sd']:>7}{row['pictures_per_second_wall']:>9}"
                    f"{row['times_faster_than_usual']:>8}{row['times_faster_than_webdataset_simplejpeg']:>7}"
                    f"{row['share_of_decode_limit']:>8}"
                    f"{row.get('first_batch_ms_one_worker', ''):>10}{row.get('worker_pss_mib', ''):>8}",
                    flush=True,
                )
    return rows, limits


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(slower, faster, strict=True)), 2)


def with_one_worker(system: str, home: Path, output: str) -> tuple[float, float]:
    """Seconds to the first batch and MiB of the worker, in a process forked off for the purpose."""
    here, there = multiprocessing.Pipe(duplex=False)
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=worker_cell, args=(system, home, output, there))
    process.start()
    there.close()  # so that a process that fails is an end of file here, and not a silence
    first, memory = here.recv()
    process.join()
    return first, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--data", type=Path, help="folder to make and keep the pictures in")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="few pictures, two rounds")
    parser.add_argument("--write-litdata", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.write_litdata:
        write_litdata(options.write_litdata)
    elif options.out is None:
        parser.error("--out is needed")
    else:
        compare_all(options)


def compare_all(options: argparse.Namespace) -> None:
    rounds = 2 if options.quick else options.rounds
    counts = {"224": 128, "300-800": 64} if options.quick else {"224": 1024, "300-800": 256}
    print(f"expected: {'1 minute' if options.quick else '6 minutes'}")
    with tempfile.TemporaryDirectory() as folder:
        root = options.data or Path(folder)
        make_sets(root, counts)
        rows, limits = compare(root, rounds)
    how = "--quick" if options.quick else f"--rounds {rounds}"
    result = {
        "name": "images",
        "command": f"python benchmarks/speed/images.py {how}",
        "environment": environment(),
        "data": f"synthetic; {counts}",
        "rows": rows,
        "limit": {
            "what": "simplejpeg from memory, us CPU a picture, without crop or normalisation",
            **limits,
        },
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
