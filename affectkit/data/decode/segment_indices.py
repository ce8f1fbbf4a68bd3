"""Which frames of a clip are seen: one of each of equally long segments."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def segment_indices(frames: int, segments: int, *, offsets: Sequence[int] | None = None) -> list[int]:
    r"""Indices of ``segments`` frames, ascending.

    Without offsets the middle of each segment: ``floor(n / (2 s) + i n / s)``. With offsets frame
    ``i floor(n / s) + offset_i``, so that what is left behind the last full segment is never seen. A
    clip of fewer frames than segments gives, in both cases, all of its frames and then the last one
    again.

    Args:
        frames: Number of frames n of the clip.
        segments: Number of segments s.
        offsets: Place within each segment, from 0 to ``floor(n / s) - 1``; see :func:`random_offsets`.

    Raises:
        ValueError: If a number is below 1, or the offsets do not fit.

    References:
        Wang et al., "Temporal Segment Networks: Towards Good Practices for Deep Action Recognition",
        ECCV 2016, arXiv:1608.00859; the rounding is that of CLIP-CAER's official code.

    Examples:
        >>> segment_indices(8, 4), segment_indices(8, 4, offsets=[0, 1, 0, 1])
        ([1, 3, 5, 7], [0, 3, 4, 7])
    """
    if frames < 1 or segments < 1:
        raise ValueError(f"{segments} segments of {frames} frames were asked for: give at least 1 of each.")
    if frames < segments:
        return [min(i, frames - 1) for i in range(segments)]
    if offsets is None:
        # (2i + 1) n / (2s), in whole numbers: exact for any length
        return [(2 * i + 1) * frames // (2 * segments) for i in range(segments)]
    length = frames // segments
    if len(offsets) != segments or not all(0 <= offset < length for offset in offsets):
        raise ValueError(f"offsets are {list(offsets)}: give {segments} numbers from 0 to {length - 1}.")
    return [i * length + offset for i, offset in enumerate(offsets)]


def random_offsets(frames: int, segments: int, *, generator: torch.Generator) -> list[int]:
    """A uniform place within each segment, for :func:`segment_indices`; zeros for a short clip."""
    length = max(frames // segments, 1)
    drawn: list[int] = torch.randint(length, (segments,), generator=generator).tolist()
    return drawn
