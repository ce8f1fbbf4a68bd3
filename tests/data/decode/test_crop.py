from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from affectkit.data.decode import Crop, centre_crop, crop_into, random_crop


@given(st.integers(1, 900), st.integers(1, 900), st.integers(0, 2**31))
def test_a_box_lies_inside_and_has_the_asked_area_and_aspect(height: int, width: int, seed: int) -> None:
    crop = random_crop(height, width, generator=torch.Generator().manual_seed(seed), scale=(0.2, 0.9))
    assert crop.top >= 0 and crop.top + crop.height <= height
    assert crop.left >= 0 and crop.left + crop.width <= width
    assert crop.height >= 1 and crop.width >= 1
    if min(height, width) > 100 and crop[:4] != centre_crop(height, width)[:4]:
        assert 0.19 < crop.height * crop.width / (height * width) < 0.91
        assert 0.72 < crop.width / crop.height < 1.4


def test_draws_belong_to_the_generator_and_reach_everything() -> None:
    def draw(seed: int) -> Crop:
        return random_crop(100, 120, generator=torch.Generator().manual_seed(seed))

    crops = [draw(seed) for seed in range(400)]
    assert crops == [draw(seed) for seed in range(400)]
    assert 150 < sum(crop.flip for crop in crops) < 250
    assert min(crop.top for crop in crops) == 0 and min(crop.left for crop in crops) == 0
    assert max(crop.top + crop.height for crop in crops) == 100
    assert max(crop.left + crop.width for crop in crops) == 120
    area = np.array([crop.height * crop.width for crop in crops]) / 12000
    assert area.min() < 0.12 and area.max() > 0.85
    assert not any(
        random_crop(9, 9, generator=torch.Generator().manual_seed(s), flip=0.0).flip for s in range(50)
    )


def test_a_picture_that_no_box_fits_gives_its_centre() -> None:
    crop = random_crop(10, 1000, generator=torch.Generator().manual_seed(0), scale=(0.9, 1.0), flip=1.0)
    assert crop == Crop(0, 495, 10, 10, True)


def pixels(height: int, width: int) -> NDArray[np.uint8]:
    small = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("side", [16, 64, 100])
def test_resizing_is_that_of_pillow_to_one_step(flip: bool, side: int) -> None:
    source, crop = pixels(90, 120), Crop(10, 20, 64, 64, flip)
    out: NDArray[np.uint8] = np.zeros((side, side, 3), dtype=np.uint8)
    crop_into(source, crop, out)
    box = Image.fromarray(source[10:74, 20:84])
    expected = np.array(box.resize((side, side), Image.Resampling.BILINEAR), dtype=np.int64)
    if flip:
        expected = expected[:, ::-1]
    assert np.abs(out.astype(np.int64) - expected).max() <= 1
