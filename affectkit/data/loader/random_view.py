"""What training sees of pictures and clips, drawn anew in each epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from affectkit.data.decode.crop import Crop, random_crop
from affectkit.data.decode.segment_indices import random_offsets, segment_indices
from affectkit.data.loader.visual_sample import ClipSample, ImageSample


@dataclass(slots=True, frozen=True)
class RandomView:
    """A random crop and flip. Nothing is decoded here: what is not seen need not be.

    Args:
        scale: Range of the crop's share of the area; None leaves the picture whole.
        flip: Probability of swapping left and right.
    """

    scale: tuple[float, float] | None = (0.08, 1.0)
    flip: float = 0.5

    @property
    def varies(self) -> bool:
        """Whether there is anything to draw."""
        return self.scale is not None or self.flip > 0.0

    def crop(self, height: int, width: int, *, generator: torch.Generator) -> Crop:
        """Draw what is seen of a picture of this size."""
        if self.scale is not None:
            return random_crop(height, width, generator=generator, scale=self.scale, flip=self.flip)
        if not self.varies:
            return Crop(0, 0, height, width)
        flip = bool(torch.rand((), generator=generator) < self.flip)
        return Crop(0, 0, height, width, flip)


@dataclass(slots=True, frozen=True)
class ImageView:
    """Augments a picture."""

    view: RandomView

    def __call__(self, sample: ImageSample, *, generator: torch.Generator) -> ImageSample:
        """Choose what is seen of ``sample``."""
        picture = sample.picture
        crop = self.view.crop(picture.height, picture.width, generator=generator)
        return replace(sample, crop=crop)


@dataclass(slots=True, frozen=True)
class ClipView:
    """Augments a clip: a random frame of each segment, all of them cropped alike."""

    view: RandomView

    def __call__(self, sample: ClipSample, *, generator: torch.Generator) -> ClipSample:
        """Choose what is seen of ``sample``."""
        count, segments = len(sample.frames), len(sample.indices)
        offsets = random_offsets(count, segments, generator=generator)
        indices = tuple(segment_indices(count, segments, offsets=offsets))
        return replace(sample, indices=indices, crop=self.view.crop(*sample.frames.size, generator=generator))
