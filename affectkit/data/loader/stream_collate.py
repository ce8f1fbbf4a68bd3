"""Streams of pictures or clips to one batch of bytes, each frame decoded once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from affectkit.data.batch import AffectBatch
from affectkit.data.decode import DecodeError
from affectkit.data.decode.box_crop import box_crop
from affectkit.data.decode.crop import Crop
from affectkit.data.decode.fit_into import fit_into
from affectkit.data.decode.frames import Frames
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.loader.stream_sample import Stream, StreamsSample, StreamView


class StreamCollate:
    """Decodes the chosen frames and cuts every stream from them.

    Args:
        target: Joins the annotations.
        size: Side of the squares that streams become.
        still: Whether samples are pictures, so that the batch has no axis of time.

    Shape:
        - inputs[stream]: (B, T, 3, size, size) uint8, or (B, 3, size, size) for pictures.

    Raises:
        DecodeError: If a frame is damaged, or a box lies outside it.
    """

    def __init__(self, target: ItemTarget, *, size: int, still: bool = False) -> None:
        self._target = target
        self._size = size
        self._still = still

    def __call__(
        self,
        samples: Sequence[StreamsSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Decode and join ``samples``."""
        shape = (len(samples), len(samples[0].indices), self._size, self._size, 3)
        names = [stream.spec.name for stream in samples[0].streams]
        rows: dict[str, NDArray[np.uint8]] = {name: np.empty(shape, dtype=np.uint8) for name in names}
        for row, (key, sample) in enumerate(zip(keys, samples, strict=True)):
            try:
                _decode(sample, {name: rows[name][row] for name in names})
            except DecodeError as error:
                raise DecodeError(f"Sample {key!r}: {error}") from error
        inputs = {name: torch.from_numpy(clips).permute(0, 1, 4, 2, 3) for name, clips in rows.items()}
        return AffectBatch(
            inputs={name: clips[:, 0] if self._still else clips for name, clips in inputs.items()},
            target=self._target([sample.record for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions)},
        )


def _decode(sample: StreamsSample, out: Mapping[str, NDArray[np.uint8]]) -> None:
    sources: dict[int, tuple[Frames, list[Stream]]] = {}
    for stream in sample.streams:
        sources.setdefault(id(stream.frames), (stream.frames, []))[1].append(stream)
    for frames, streams in sources.values():
        for step, (index, pixels) in enumerate(zip(sample.indices, frames.read(sample.indices), strict=True)):
            for stream in streams:
                part = box_crop(stream.box(index), *pixels.shape[:2], margin=stream.spec.margin)
                fit_into(
                    pixels,
                    _window(part, stream.view),
                    out[stream.spec.name][step],
                    fit=stream.spec.fit,
                    angle=stream.view.angle,
                )


def _window(part: Crop, view: StreamView) -> Crop:
    height, width = max(1, round(view.height * part.height)), max(1, round(view.width * part.width))
    top = min(round(view.top * part.height), part.height - height)
    left = min(round(view.left * part.width), part.width - width)
    return Crop(part.top + top, part.left + left, height, width, view.flip)
