from __future__ import annotations

import torch

from affectkit.functional import box_areas


def test_shares_of_the_picture_within_it() -> None:
    boxes = torch.tensor([[0, 0, 50, 20], [-10, -10, 10, 10], [90, 90, 200, 200], [30, 5, 20, 9]]).float()
    found = box_areas(boxes, height=100, width=200)
    wanted = []
    for left, top, right, bottom in boxes.tolist():
        inside = [(x, y) for x in range(200) for y in range(100) if left <= x < right and top <= y < bottom]
        wanted.append(len(inside) / (100 * 200))
    torch.testing.assert_close(found, torch.tensor(wanted))
