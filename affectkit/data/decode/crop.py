"""Which part of a picture is seen, drawn from its size alone, and how it is resized."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F


class Crop(NamedTuple):
    """A box in pixels, and whether left and right are swapped."""

    top: int
    left: int
    height: int
    width: int
    flip: bool = False


def random_crop(
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: float = 0.5,
) -> Crop:
    """Draw a box of random area and aspect, uniformly placed; the centred square if none fits.

    Args:
        height: Height of the picture.
        width: Width of the picture.
        generator: All chance comes from here.
        scale: Range of the box's share of the area.
        ratio: Range of width / height, drawn on a logarithmic scale.
        flip: Probability of swapping left and right.

    References:
        Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, arXiv:1409.4842.

    Examples:
        >>> crop = random_crop(300, 400, generator=torch.Generator().manual_seed(0))
        >>> crop.top + crop.height <= 300 and crop.left + crop.width <= 400
        True
    """
    # everything is drawn at once, so that how many tries one picture needs changes no other draw
    numbers: list[float] = torch.rand(41, generator=generator, dtype=torch.float64).tolist()
    swap = numbers[40] < flip
    for area, aspect, down, across in zip(*(numbers[i:40:4] for i in range(4)), strict=True):
        size = height * width * (scale[0] + area * (scale[1] - scale[0]))
        side = math.exp(math.log(ratio[0]) + aspect * (math.log(ratio[1]) - math.log(ratio[0])))
        box_width, box_height = round(math.sqrt(size * side)), round(math.sqrt(size / side))
        if 0 < box_width <= width and 0 < box_height <= height:
            top, left = int(down * (height - box_height + 1)), int(across * (width - box_width + 1))
            return Crop(top, left, box_height, box_width, swap)
    return centre_crop(height, width)._replace(flip=swap)


def centre_crop(height: int, width: int) -> Crop:
    """The largest centred square.

    Examples:
        >>> centre_crop(300, 400)
        Crop(top=0, left=50, height=300, width=300, flip=False)
    """
    side = min(height, width)
    return Crop((height - side) // 2, (width - side) // 2, side, side)


def crop_into(pixels: NDArray[np.uint8], crop: Crop, out: NDArray[np.uint8]) -> None:
    """Cut ``crop`` out of (H, W, 3) pixels and resize it to ``out``, bilinear with antialiasing."""
    top, left, height, width, flip = crop
    box = torch.from_numpy(pixels[top : top + height, left : left + width]).permute(2, 0, 1)[None]
    if box.shape[2:] != out.shape[:2]:
        box = F.interpolate(box, size=out.shape[:2], mode="bilinear", antialias=True, align_corners=False)
    torch.from_numpy(out).copy_((box.flip(3) if flip else box)[0].permute(1, 2, 0))
