"""Pictures and clips to one batch of bytes, each decoded into its own row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.decode import DecodeError
from affectkit.data.decode.crop import Crop, centre_crop, crop_into
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.loader.visual_sample import ClipSample, ImageSample
from affectkit.types import Target

INPUT: Final = "visual"


class ImageCollate:
    """Decodes pictures into one preallocated array.

    Args:
        target: Joins the annotations.
        size: Side of the squares that pictures become; those without a crop of their own give their
            largest centred square. None keeps pictures as they are, which must then be of one size.

    Shape:
        - inputs["visual"]: (B, 3, H, W) uint8, laid out channels last.

    Raises:
        DecodeError: If a picture is damaged, or sizes differ and ``size`` is None.
    """

    def __init__(self, target: ItemTarget, *, size: int | None = None) -> None:
        self._target = target
        self._size = size

    def __call__(
        self,
        samples: Sequence[ImageSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Decode and join ``samples``."""
        first = samples[0].picture
        shape = (self._size, self._size) if self._size else (first.height, first.width)
        rows: NDArray[np.uint8] = np.empty((len(samples), *shape, 3), dtype=np.uint8)
        for row, key, sample in zip(rows, keys, samples, strict=True):
            picture = sample.picture
            height, width = picture.height, picture.width
            _require_size(key, (height, width), None if self._size else shape)
            try:
                if sample.crop in (None, Crop(0, 0, height, width)) and (height, width) == shape:
                    picture.decode_into(row)
                else:
                    crop = _crop(sample.crop, height, width, self._size)
                    crop_into(picture.decode(), crop, row)
            except DecodeError as error:
                raise DecodeError(f"Sample {key!r}: {error}") from error
        return _batch(
            torch.from_numpy(rows).permute(0, 3, 1, 2),
            self._target([sample.record for sample in samples], keys=keys, valid=valid),
            keys,
            positions,
            valid,
        )


class ClipCollate:
    """Decodes the chosen frames of clips into one preallocated array.

    Args:
        target: Joins the annotations.
        size: Side of the squares that frames become; None keeps them as they are, which must then be
            of one size over the batch.

    Shape:
        - inputs["visual"]: (B, T, 3, H, W) uint8.

    Raises:
        DecodeError: If a frame is damaged, or sizes differ and ``size`` is None.
    """

    def __init__(self, target: ItemTarget, *, size: int | None = None) -> None:
        self._target = target
        self._size = size

    def __call__(
        self,
        samples: Sequence[ClipSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Decode and join ``samples``."""
        shape = (self._size, self._size) if self._size else samples[0].frames.size
        steps = len(samples[0].indices)
        rows: NDArray[np.uint8] = np.empty((len(samples), steps, *shape, 3), dtype=np.uint8)
        for row, key, sample in zip(rows, keys, samples, strict=True):
            height, width = sample.frames.size
            _require_size(key, (height, width), None if self._size else shape)
            try:
                crop = _crop(sample.crop, height, width, self._size)
                for out, pixels in zip(row, sample.frames.read(sample.indices), strict=True):
                    crop_into(pixels, crop, out)
            except DecodeError as error:
                raise DecodeError(f"Sample {key!r}: {error}") from error
        return _batch(
            torch.from_numpy(rows).permute(0, 1, 4, 2, 3),
            self._target([sample.record for sample in samples], keys=keys, valid=valid),
            keys,
            positions,
            valid,
        )


def _require_size(key: str, size: tuple[int, int], shape: tuple[int, ...] | None) -> None:
    if shape is not None and size != shape:
        raise DecodeError(
            f"Sample {key!r} has {size[1]} x {size[0]} pixels and the first of its batch "
            f"{shape[1]} x {shape[0]}: give the data module a size."
        )


def _crop(crop: Crop | None, height: int, width: int, size: int | None) -> Crop:
    if crop is not None:
        return crop
    return Crop(0, 0, height, width) if size is None else centre_crop(height, width)


def _batch(
    pixels: Tensor, target: Target, keys: Sequence[str], positions: Sequence[int], valid: Sequence[bool]
) -> AffectBatch:
    return AffectBatch(
        inputs={INPUT: pixels},
        target=target,
        valid=torch.tensor(valid, dtype=torch.bool),
        keys=list(keys),
        meta={"positions": list(positions)},
    )
