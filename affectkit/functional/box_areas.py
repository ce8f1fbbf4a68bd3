"""How much of a picture a box covers."""

from __future__ import annotations

from torch import Tensor


def box_areas(boxes: Tensor, *, height: float = 1.0, width: float = 1.0) -> Tensor:
    """Share of the picture that each box covers; 0 for a box that is turned inside out.

    Args:
        boxes: Left, top, right, bottom.
        height: Height of the picture, in the unit of the boxes.
        width: Its width.

    Shape:
        - boxes: (..., 4)
        - result: (...)

    Examples:
        >>> import torch
        >>> box_areas(torch.tensor([[0.0, 0.0, 50.0, 20.0]]), height=100, width=100).tolist()
        [0.10000000149011612]
    """
    limit = boxes.new_tensor([width, height, width, height])
    left, top, right, bottom = boxes.clamp(min=0.0).minimum(limit).unbind(-1)
    return (right - left).clamp(min=0.0) * (bottom - top).clamp(min=0.0) / (height * width)
