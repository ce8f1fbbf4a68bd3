"""Networks for the ablation of distillation on FER+: their sizes, their data and how one is trained."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import torch
from ferplus_faces import augment, to_input
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.data.decode import decode_image
from affectkit.data.schema import ItemRecord
from affectkit.data.sources import find_source
from affectkit.distill import VAPrototypeGrid
from affectkit.encoders import TimmImageEncoder
from affectkit.heads import ProjectedHead
from affectkit.labels import label_space
from affectkit.tasks.distill_loss import DistillTerms, distill_loss
from affectkit.tasks.parameter_groups import parameter_groups
from affectkit.types import AffectOutput, Target

SPACE: Final = label_space("ferplus8.official")


class Network(NamedTuple):
    """A network of timm and how long it is trained."""

    name: str
    options: Mapping[str, Any]
    epochs: int


class Size(NamedTuple):
    """How much is run; ``rows`` of the training file, 0 = all of them."""

    rows: int
    pixels: int
    student: Network
    teacher: Network
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    repeats: int = 3


def _resnet(layers: int, width: int, epochs: int) -> Network:
    channels = tuple(width * 2**stage for stage in range(4))
    # Three small convolutions at the start: a large one sees little of 48 pixels.
    options = {
        "layers": (layers,) * 4,
        "channels": channels,
        "stem_width": width,
        "stem_type": "deep",
        "replace_stem_pool": False,
    }
    return Network("resnet18", options, epochs)


SIZES: Final = {
    # Does it run?
    "quick": Size(600, 48, _resnet(1, 8, 1), _resnet(1, 16, 1), repeats=1),
    # Two cores, less than two hours: 48 pixels as they are stored, small networks, few faces and epochs.
    "cpu": Size(4_400, 48, _resnet(1, 16, 8), _resnet(2, 32, 11)),
    # A GPU: the published student at the published size, from random weights.
    "full": Size(0, 224, Network("resnet18", {}, 100), Network("resnet50", {}, 60), rate=1e-3),
}


class Rows(NamedTuple):
    """Grey faces.

    Shape:
        - pixels: (N, 48, 48) uint8.
        - label: (N,) int64.
        - votes: (N, 8) float.
    """

    pixels: Tensor
    label: Tensor
    votes: Tensor

    def take(self, index: Tensor) -> Rows:
        """Those of some positions."""
        return Rows(*(column[index] for column in self))


class Answers(NamedTuple):
    """What the teacher says of each training row."""

    logits: Tensor
    embedding: Tensor


def read_rows(folder: Path) -> dict[str, Rows]:
    """The faces that the majority rule of FER+ keeps, by file."""
    source = folder / "ferplus" if (folder / "ferplus").is_dir() else folder
    found: dict[str, list[tuple[Tensor, int, Tensor]]] = {}
    for sample in find_source("ferplus").read(source):
        record = cast(ItemRecord, sample.record)
        label = record.get("label")
        if label is None or sample.split not in ("train", "val"):
            continue
        ((kind, data),) = sample.members.items()
        picture = decode_image(data if isinstance(data, bytes) else data.read_bytes(), kind=kind)
        row = (picture[..., 0].contiguous(), label, torch.tensor(record["votes"]).float())
        found.setdefault(sample.split, []).append(row)
    if set(found) != {"train", "val"}:
        raise SystemExit(f"{source} holds the files {sorted(found)} of FER+: train and valid are wanted")
    result = {}
    for split, rows in found.items():
        pixels, labels, votes = zip(*rows)
        result[split] = Rows(torch.stack(pixels), torch.tensor(labels), torch.stack(votes))
    return result


class Student(nn.Module):
    """A network with the head that losses of distillation want."""

    def __init__(self, network: Network, *, embedding_dim: int = 0) -> None:
        super().__init__()
        self.encoder = TimmImageEncoder(network.name, options=network.options)
        self.head = ProjectedHead(self.encoder.out_dim, len(SPACE), embedding_dim=embedding_dim)

    def forward(self, images: Tensor) -> AffectOutput:
        """Predict for normalised pictures."""
        output: AffectOutput = self.head(self.encoder(images))
        return output


def images_of(model: Student, pixels: Tensor, size: Size) -> Tensor:
    """Grey bytes as the network wants them."""
    images = to_input(pixels, model.encoder.normalization)
    if images.shape[-1] != size.pixels:
        side: list[int] = [size.pixels, size.pixels]
        images = F.interpolate(images, size=side, mode="bilinear")
    # Twice as fast on a CPU at these widths.
    return images.contiguous(memory_format=torch.channels_last)


def answers_of(model: Student, pixels: Tensor, size: Size, *, device: torch.device) -> Answers:
    """What a model says of faces, (N, C) and (N, D), on the CPU."""
    model.eval()
    logits, embedding = [], []
    with torch.inference_mode():
        for part in torch.split(pixels, 256):
            output: AffectOutput = model(images_of(model, part.to(device), size))
            assert output.logits is not None and output.embedding is not None
            logits.append(output.logits.float().cpu())
            embedding.append(output.embedding.float().cpu())
    return Answers(torch.cat(logits).clone(), torch.cat(embedding).clone())


def fit(
    rows: Rows,
    size: Size,
    network: Network,
    terms: DistillTerms,
    *,
    seed: int,
    device: torch.device,
    grid: VAPrototypeGrid | None = None,
    answers: Answers | None = None,
    title: str = "",
) -> Student:
    """Train one network; order, views and start depend on the seed alone, not on the system."""
    torch.manual_seed(seed)
    model = Student(network, embedding_dim=0 if grid is None else grid.feature_dim)
    model = model.to(device).to(memory_format=torch.channels_last)
    loss = distill_loss(terms, SPACE, embedding_dim=model.head.embedding_dim, grid=grid).to(device)
    groups = parameter_groups(model.named_parameters(), lr=size.rate, weight_decay=size.decay)
    optimizer = torch.optim.AdamW(cast("list[dict[str, Any]]", groups))
    steps = network.epochs * math.ceil(len(rows.label) / size.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_cosine(step, steps))
    generator = torch.Generator().manual_seed(seed)
    half = torch.device(device).type == "cuda"
    model.train()
    step = 0
    began = time.monotonic()
    for epoch in range(network.epochs):
        total = 0.0
        for index in torch.split(torch.randperm(len(rows.label), generator=generator), size.batch):
            batch = Rows(*(column.to(device) for column in rows.take(index)))
            images = images_of(model, augment(batch.pixels, generator), size)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                output: AffectOutput = model(images)
            assert output.logits is not None and output.embedding is not None
            output = output._replace(logits=output.logits.float(), embedding=output.embedding.float())
            if answers is not None:
                output = output._replace(views={"teacher_logits": answers.logits[index].to(device)})
            loss.set_progress(step / steps)
            value = loss(output, Target(label=batch.label, distribution=batch.votes)).total
            optimizer.zero_grad()
            torch.autograd.backward(value)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(value.detach()) * len(index)
            step += 1
        left = (time.monotonic() - began) / (epoch + 1) * (network.epochs - epoch - 1)
        if title:
            print(
                f"{title}, epoch {epoch + 1}: loss {total / len(rows.label):.3f}, {left:.0f} s left",
                flush=True,
            )
    return model.eval()


def _warm_cosine(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
