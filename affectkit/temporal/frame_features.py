"""Frames of clips through an image encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from affectkit.types import Encoding


def frame_features(encode: Callable[[Tensor], Encoding], streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Features of every frame of every stream, all of them through one call of one encoder.

    Args:
        encode: Pictures (N, 3, H, W) to an encoding whose ``pooled`` is (N, D): an image tower, or
            the ``encode`` of an adapter.
        streams: Clips by the name of the stream, e.g. ``"face"`` and ``"context"``.

    Shape:
        - streams[name]: (B, T, 3, H, W), H and W the same in all.
        - output[name]: (B, T, D).

    Raises:
        ValueError: If there is no stream, or one is no clip of the first one's frame size.

    Examples:
        >>> mean = lambda pictures: Encoding(pictures.mean((2, 3)))
        >>> frame_features(mean, {"face": torch.zeros(2, 4, 3, 8, 8)})["face"].shape
        torch.Size([2, 4, 3])
    """
    frame = next((clip.shape[2:] for clip in streams.values()), torch.Size())
    for name, clip in streams.items():
        if clip.ndim != 5 or clip.shape[2:] != frame:
            raise ValueError(
                f"frame_features got the stream {name!r} of shape {tuple(clip.shape)}: give (B, T, 3, H, W) "
                f"with frames as in the first stream, {tuple(frame)}."
            )
    if not streams:
        raise ValueError("frame_features got no stream: give at least one, e.g. {'visual': clips}.")
    names = sorted(streams)  # so that the order of a mapping decides nothing
    encoded = encode(torch.cat([streams[name].flatten(0, 1) for name in names])).pooled
    parts = torch.split(encoded, [streams[name].shape[0] * streams[name].shape[1] for name in names])
    return {name: part.reshape(*streams[name].shape[:2], -1) for name, part in zip(names, parts, strict=True)}
