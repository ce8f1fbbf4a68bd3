from __future__ import annotations

import pytest
import torch

from affectkit.functional import local_binary_pattern

CLOCKWISE = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
PIXELS = torch.randint(0, 256, (2, 3, 5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_it_equals_a_loop_over_pixels() -> None:
    result = local_binary_pattern(PIXELS)
    for picture in range(2):
        red, green, blue = (PIXELS[picture, channel].tolist() for channel in range(3))
        grey = [
            [(299 * red[y][x] + 587 * green[y][x] + 114 * blue[y][x] + 500) // 1000 for x in range(7)]
            for y in range(5)
        ]
        for y in range(5):
            for x in range(7):
                code = 0
                for bit, (down, across) in enumerate(CLOCKWISE):
                    other = grey[min(max(y + down, 0), 4)][min(max(x + across, 0), 6)]
                    code += (other >= grey[y][x]) << bit
                assert result[picture, :, y, x].tolist() == [code] * 3


def test_codes_know_contrast_and_not_brightness() -> None:
    grey = PIXELS[:, :1] // 2
    codes = local_binary_pattern(grey)
    assert codes.shape == grey.shape
    assert torch.equal(local_binary_pattern(grey + 100), codes)
    # Codes name directions, so those of a flipped picture are not the flipped codes.
    assert not torch.equal(local_binary_pattern(grey.flip(-1)), codes.flip(-1))
    assert bool((local_binary_pattern(torch.full((3, 4, 4), 7, dtype=torch.uint8)) == 255).all())


@pytest.mark.parametrize("wrong", [PIXELS.float(), PIXELS[:, :2], PIXELS[0, 0]])
def test_other_pixels_are_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="give pictures as uint8"):
        local_binary_pattern(wrong)
