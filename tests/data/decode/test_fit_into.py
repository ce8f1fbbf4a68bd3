from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from affectkit.data.decode import Crop, Fit, fit_into

#: Red grows to the right, green downwards.
PIXELS = np.stack(
    [*np.broadcast_arrays(np.arange(8) * 20, np.arange(4)[:, None] * 40), np.full((4, 8), 7)], axis=-1
).astype(np.uint8)
WHOLE = Crop(0, 0, 4, 8)


def fitted(fit: Fit, crop: Crop = WHOLE, *, size: int = 4, angle: float = 0.0) -> NDArray[np.uint8]:
    out = np.full((size, size, 3), 99, dtype=np.uint8)
    fit_into(PIXELS, crop, out, fit=fit, angle=angle)
    return out


def test_a_letterbox_keeps_proportions_between_black_bars() -> None:
    out = fitted("letterbox", size=8)
    assert not out[:2].any() and not out[6:].any()
    assert np.array_equal(out[2:6], PIXELS)
    tall = fitted("letterbox", Crop(0, 2, 4, 2))
    assert not tall[:, 0].any() and not tall[:, 3].any()
    assert np.array_equal(tall[:, 1:3], PIXELS[:, 2:4])


def test_a_crop_is_the_centred_square_of_the_part() -> None:
    assert np.array_equal(fitted("crop"), PIXELS[:, 2:6])
    assert np.array_equal(fitted("crop", Crop(0, 1, 4, 7, True)), PIXELS[:, 6 - 1 : 1 : -1][:, :4])


def test_stretching_shows_everything() -> None:
    out = fitted("stretch")
    assert np.abs(out[0, :, 0].astype(int) - [10, 50, 90, 130]).max() <= 5
    assert np.array_equal(fitted("stretch", Crop(0, 0, 4, 4, True)), PIXELS[:, 3::-1])


@pytest.mark.parametrize("fit", ["stretch", "crop", "letterbox"])
def test_turning(fit: Fit) -> None:
    square = Crop(0, 0, 4, 4)
    quarter = fitted(fit, square, angle=90.0)
    assert np.array_equal(quarter, np.rot90(fitted(fit, square)))
    small = fitted(fit, square, size=16, angle=4.0)
    assert not small[0, 0].any() and not np.array_equal(small, fitted(fit, square, size=16))
