"""Texts, some with the picture that they belong to, to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from affectkit.data.batch import AffectBatch
from affectkit.data.decode import DecodeError
from affectkit.data.decode.crop import Crop, centre_crop, crop_into
from affectkit.data.decode.picture import Picture
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.loader.random_view import RandomView
from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ItemRecord, ShardError

_KINDS: Final = ("jpg", "jpeg", "png", "webp")


@dataclass(slots=True, frozen=True)
class CaptionSample:
    """A text and, maybe, its picture."""

    record: ItemRecord
    picture: Picture | None
    crop: Crop | None = None


class CaptionReader:
    """Reads the record of a text and the header of its picture, if it has one.

    Raises:
        ShardError: If the record is missing or has no text, or the picture is damaged.
    """

    def __call__(self, members: Mapping[str, memoryview]) -> CaptionSample:
        """Read ``members``."""
        record = read_item(members)
        if not record.get("text", "").strip():
            raise ShardError("The record has no text: leave the sample out, or give it one.")
        picture = next((Picture(members[kind], kind=kind) for kind in _KINDS if kind in members), None)
        return CaptionSample(record, picture)


@dataclass(slots=True, frozen=True)
class CaptionView:
    """Augments the picture of a text."""

    view: RandomView

    def __call__(self, sample: CaptionSample, *, generator: torch.Generator) -> CaptionSample:
        """Choose what is seen of the picture."""
        if sample.picture is None:
            return sample
        crop = self.view.crop(sample.picture.height, sample.picture.width, generator=generator)
        return replace(sample, crop=crop)


class CaptionCollate:
    """Joins texts, and decodes pictures into one array that is zero where there is none.

    Args:
        target: Joins the annotations.
        size: Side of the squares that pictures become.

    Shape:
        - inputs["visual"]: (B, 3, size, size) uint8; present["visual"]: (B,) bool.
        - meta["text"]: B strings.

    Raises:
        DecodeError: If a picture is damaged.
    """

    def __init__(self, target: ItemTarget, *, size: int) -> None:
        self._target = target
        self._size = size

    def __call__(
        self,
        samples: Sequence[CaptionSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Decode and join ``samples``."""
        rows: NDArray[np.uint8] = np.zeros((len(samples), self._size, self._size, 3), dtype=np.uint8)
        for row, key, sample in zip(rows, keys, samples, strict=True):
            if sample.picture is None:
                continue
            try:
                crop = sample.crop or centre_crop(sample.picture.height, sample.picture.width)
                crop_into(sample.picture.decode(), crop, row)
            except DecodeError as error:
                raise DecodeError(f"Sample {key!r}: {error}") from error
        return AffectBatch(
            inputs={"visual": torch.from_numpy(rows).permute(0, 3, 1, 2)},
            present={"visual": torch.tensor([sample.picture is not None for sample in samples])},
            target=self._target([sample.record for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions), "text": [sample.record["text"] for sample in samples]},
        )
