"""What training sees of several streams of one sample, drawn anew in each epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from affectkit.data.decode.crop import random_crop
from affectkit.data.decode.segment_indices import random_offsets, segment_indices
from affectkit.data.loader.stream_sample import StreamsSample, StreamView

#: Windows are drawn on a square of this side and kept as shares of it, so that one fits any stream.
_GRID = 10_000


@dataclass(slots=True, frozen=True)
class StreamViews:
    """A random frame of each segment, and a random window, flip and turn of the whole sample.

    Args:
        scale: Range of the window's share of the area; None shows all of it.
        flip: Probability of swapping left and right.
        rotation: Most degrees to turn by, either way.
        tied: Whether all streams get the same window, flip and turn, as one camera would see them.
    """

    scale: tuple[float, float] | None = None
    flip: float = 0.5
    rotation: float = 0.0
    tied: bool = True

    def __call__(self, sample: StreamsSample, *, generator: torch.Generator) -> StreamsSample:
        """Choose what is seen of ``sample``."""
        count, segments = len(sample.streams[0].frames), len(sample.indices)
        offsets = random_offsets(count, segments, generator=generator)
        # One view a stream in either case, so that tying streams changes no other draw of the sample.
        views = [self._view(generator) for _ in sample.streams]
        if self.tied:
            views = [views[0]] * len(views)
        return replace(
            sample,
            indices=tuple(segment_indices(count, segments, offsets=offsets)),
            streams=[replace(stream, view=view) for stream, view in zip(sample.streams, views, strict=True)],
        )

    def _view(self, generator: torch.Generator) -> StreamView:
        turn, swap = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        view = StreamView(flip=swap < self.flip, angle=self.rotation * (2 * turn - 1))
        if self.scale is None:
            return view
        crop = random_crop(_GRID, _GRID, generator=generator, scale=self.scale, flip=0.0)
        return view._replace(
            top=crop.top / _GRID,
            left=crop.left / _GRID,
            height=crop.height / _GRID,
            width=crop.width / _GRID,
        )
