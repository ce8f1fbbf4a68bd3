from __future__ import annotations

import pytest

from affectkit.data.decode import Crop, DecodeError, box_crop


def test_the_margin_ends_at_the_frame() -> None:
    assert box_crop([40, 30, 80, 90], 100, 200, margin=20) == Crop(10, 20, 90, 80)
    assert box_crop([0, 0, 200, 100], 100, 200, margin=20) == Crop(0, 0, 100, 200)
    assert box_crop([40, 30, 80, 90], 200, 200) == Crop(30, 40, 60, 40)


def test_fractions_of_a_pixel_are_seen() -> None:
    assert box_crop([1.6, 2.4, 3.1, 4.5], 10, 10) == Crop(2, 1, 3, 3)


def test_no_box_is_the_whole_frame() -> None:
    assert box_crop(None, 7, 9, margin=3) == Crop(0, 0, 7, 9)


@pytest.mark.parametrize("box", [[90, 0, 99, 5], [5, 5, 5, 9], [9, 1, 4, 3], [-9, -9, -1, -1]])
def test_a_box_without_pixels_is_an_error(box: list[float]) -> None:
    with pytest.raises(DecodeError, match="holds no pixel of a frame of 20 x 10"):
        box_crop(box, 10, 20)
