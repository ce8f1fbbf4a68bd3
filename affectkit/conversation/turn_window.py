"""Which turns of its conversation an utterance is linked with."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class TurnWindow(NamedTuple):
    """For each turn, the turns around it, itself included.

    Shape:
        - place: (U, W) int64, the turns seen from each; inside the conversation even where not ``real``.
        - real: (B, U, W) bool, True where both turns are real.
        - offset: (W,) int64, how many turns later; 0 is the turn itself.
    """

    place: Tensor
    real: Tensor
    offset: Tensor


def turn_window(mask: Tensor, *, past: int | None, future: int | None) -> TurnWindow:
    """Make the windows of all turns at once.

    Args:
        mask: True where a turn is real; real turns stand in front, see
            :func:`~affectkit.conversation.turn_order.forward_order`.
        past: How many earlier turns are seen; None = all.
        future: How many later turns are seen; None = all.

    Shape:
        - mask: (B, U)

    Examples:
        >>> window = turn_window(torch.tensor([[True, True, False]]), past=1, future=0)
        >>> window.offset.tolist(), window.real[0].tolist()
        ([-1, 0], [[False, True], [True, True], [False, False]])
    """
    size = mask.shape[1]
    longest = max(size - 1, 0)
    back = longest if past is None else min(past, longest)
    ahead = longest if future is None else min(future, longest)
    offset = torch.arange(-back, ahead + 1, device=mask.device)
    place = torch.arange(size, device=mask.device).unsqueeze(1) + offset
    inside = (place >= 0) & (place < size)
    place = place.clamp(min=0, max=longest)
    real = mask.unsqueeze(-1) & inside
    if size:
        real = real & mask[:, place]
    return TurnWindow(place, real, offset)
