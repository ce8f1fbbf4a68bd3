"""The hash of a picture against its formula, and what changes it and what does not."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from affectkit.report.audit import picture_hash, picture_similarity


def scene(seed: int, side: int = 96) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return np.array(small.resize((side, side), Image.Resampling.BICUBIC), dtype=np.uint8)


def bits(left: int | None, right: int | None) -> int:
    assert left is not None
    assert right is not None
    return (left ^ right).bit_count()


def test_hash_equals_its_formula() -> None:
    pixels = scene(1, side=32)
    grey = [[float(v) for v in row] for row in np.asarray(Image.fromarray(pixels).convert("L"))]
    coefficients = [
        sum(
            grey[y][x] * math.cos(math.pi * u * (2 * y + 1) / 64) * math.cos(math.pi * v * (2 * x + 1) / 64)
            for y in range(32)
            for x in range(32)
        )
        for u in range(8)
        for v in range(8)
    ]
    middle = sorted(coefficients[1:])[31]
    expected = "".join(str(int(i > 0 and c > middle)) for i, c in enumerate(coefficients))
    assert picture_hash(pixels) == int(expected, 2)


@pytest.mark.parametrize("seed", range(6))
def test_storing_a_picture_anew_changes_few_bits(seed: int) -> None:
    pixels = scene(seed)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=60)
    again = np.array(Image.open(file).resize((64, 64), Image.Resampling.BICUBIC), dtype=np.uint8)
    assert bits(picture_hash(pixels), picture_hash(again)) <= 4
    assert picture_similarity(pixels, again) > 0.99


@pytest.mark.parametrize("seed", range(6))
def test_another_picture_has_another_hash(seed: int) -> None:
    assert bits(picture_hash(scene(seed)), picture_hash(scene(seed + 100))) > 8
    assert picture_similarity(scene(seed), scene(seed + 100)) < 0.9


def test_one_colour_has_no_hash_and_no_similarity() -> None:
    plain = np.full((5, 7, 3), 200, dtype=np.uint8)
    assert picture_hash(plain) is None
    assert picture_hash(np.empty((0, 4, 3), dtype=np.uint8)) is None
    assert picture_similarity(plain, scene(0)) == 0.0
