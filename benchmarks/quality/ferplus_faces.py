"""The faces of FER+ for a few-shot benchmark: known classes to train on, new ones to adapt to."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.data.decode import decode_image
from affectkit.data.schema import ItemRecord
from affectkit.data.sources import find_source
from affectkit.encoders.clip import PixelNormalization
from affectkit.labels import label_space

LABELS: Final = label_space("ferplus8.official").labels
#: What the base model learns from.
KNOWN: Final = ("neutral", "happiness", "surprise", "anger")
#: What no base model has seen: adapters learn these from a few faces each.
NEW: Final = ("sadness", "fear", "disgust", "contempt")


class Faces(NamedTuple):
    """Grey faces with a label each.

    Shape:
        - pixels: (N, H, W) uint8.
        - label: (N,) int64, a position in ``KNOWN`` or in ``NEW``.
        - votes: (N, 4) float, for those four classes.
    """

    pixels: Tensor
    label: Tensor
    votes: Tensor

    def rows(self, index: Tensor) -> Faces:
        """Those of some positions."""
        return Faces(*(column[index] for column in self))

    def counts(self) -> list[int]:
        """Faces of each class."""
        return self.label.bincount(minlength=self.votes.shape[1]).tolist()


class Split(NamedTuple):
    """The faces of one file: of the known classes, and of the new ones."""

    known: Faces
    new: Faces


class Shots(NamedTuple):
    """Faces to learn from and faces to choose settings on; no face is in both."""

    train: Faces
    selection: Faces


def read_faces(folder: Path) -> dict[str, Split]:
    """Read the files of a folder; ``train`` and ``val`` are wanted.

    A face counts as known only without a single vote for a new class, and as new by the majority rule.
    """
    source = folder / "ferplus" if (folder / "ferplus").is_dir() else folder
    known, new = (torch.tensor([LABELS.index(name) for name in names]) for names in (KNOWN, NEW))
    found: dict[tuple[str, bool], list[tuple[Tensor, int, Tensor]]] = {}
    for sample in find_source("ferplus").read(source):
        record = cast(ItemRecord, sample.record)
        label = record.get("label")
        if label is None or sample.split not in ("train", "val"):
            continue
        votes = torch.tensor(record["votes"])
        is_new = LABELS[label] in NEW
        if not is_new and votes[new].sum() > 0:
            continue
        ((kind, data),) = sample.members.items()
        picture = decode_image(data if isinstance(data, bytes) else data.read_bytes(), kind=kind)
        mine = new if is_new else known
        found.setdefault((sample.split, is_new), []).append(
            (picture[..., 0], mine.tolist().index(label), votes[mine])
        )
    for split in ("train", "val"):
        for is_new, what in ((False, "known"), (True, "new")):
            if (split, is_new) not in found:
                raise SystemExit(f"no face of the {what} classes in the {split} file of FER+ in {source}")
    return {
        split: Split(_stack(found[split, False]), _stack(found[split, True])) for split in ("train", "val")
    }


def _stack(rows: list[tuple[Tensor, int, Tensor]]) -> Faces:
    pixels, labels, votes = zip(*rows)
    return Faces(_even(torch.stack(pixels)), torch.tensor(labels), torch.stack(votes).float())


def _even(pixels: Tensor) -> Tensor:
    """Give every face the same mean and contrast: how a photo was lit says nothing of who is in it."""
    values = pixels.float()
    deviation, mean = torch.std_mean(values, dim=(1, 2), keepdim=True)
    return (128 + 64 * (values - mean) / deviation.clamp(min=1)).clamp(0, 255).to(torch.uint8)


def draw_shots(faces: Faces, *, shots: int, selection: int, seed: int) -> Shots:
    """Draw faces of each class; with one seed, fewer shots are the first of more, and selection stays."""
    generator = torch.Generator().manual_seed(seed)
    train, chosen = [], []
    for place in range(len(NEW)):
        rows = (faces.label == place).nonzero().flatten()
        rows = rows[torch.randperm(len(rows), generator=generator)]
        if len(rows) < selection + shots:
            raise SystemExit(f"{len(rows)} faces of {NEW[place]} are fewer than {selection} + {shots}")
        chosen.append(rows[:selection])
        train.append(rows[selection : selection + shots])
    return Shots(faces.rows(torch.cat(train)), faces.rows(torch.cat(chosen)))


def to_input(pixels: Tensor, normalization: PixelNormalization) -> Tensor:
    """Grey bytes (N, H, W) to what an image tower reads, (N, 3, H, W)."""
    grey = pixels.float().div(255).unsqueeze(1)
    mean, std = (grey.new_tensor(values).view(1, 3, 1, 1) for values in normalization)
    return (grey - mean) / std


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, enlarge, shift and mirror each face (N, H, W) a little, anew at each call."""
    count = len(pixels)
    draw = torch.rand(count, 5, generator=generator).to(pixels.device) * 2 - 1
    angle, scale = 0.2 * draw[:, 0], 1 + 0.1 * draw[:, 1]
    mirror = torch.where(draw[:, 2] > 0, 1.0, -1.0)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    rows = [mirror * cosine, -sine, 0.1 * draw[:, 3], mirror * sine, cosine, 0.1 * draw[:, 4]]
    grid = F.affine_grid(torch.stack(rows, 1).view(count, 2, 3), [count, 1, *pixels.shape[1:]], False)
    moved = F.grid_sample(pixels.float().unsqueeze(1), grid, padding_mode="border", align_corners=False)
    return moved.squeeze(1)
