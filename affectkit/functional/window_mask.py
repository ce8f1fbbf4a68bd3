"""Which turn of a conversation may look at which."""

from __future__ import annotations

from torch import Tensor


def window_mask(mask: Tensor, *, window_past: int | None = None, window_future: int | None = 0) -> Tensor:
    r"""Pairs of real turns that are near enough to each other.

    Turn i sees turn j where :math:`-\text{future} \le n_i - n_j \le \text{past}`, with :math:`n` the
    number of real turns up to it: padding between turns moves nothing apart.

    Args:
        mask: True = real.
        window_past: How many turns before itself a turn sees; None = all.
        window_future: How many turns after itself; None = all.

    Shape:
        - mask: (B, U).
        - Output: (B, U, U) bool, row i over j; False wherever either is padding.

    Raises:
        ValueError: If a number of turns is negative.

    Examples:
        >>> import torch
        >>> window_mask(torch.tensor([[True, False, True, True]]), window_past=1)[0].int().tolist()
        [[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]]
    """
    for name, turns in (("window_past", window_past), ("window_future", window_future)):
        if turns is not None and turns < 0:
            raise ValueError(f"window_mask got {name}={turns}: give a whole number >= 0, or None for all.")
    real = mask.bool()
    number = real.cumsum(1)
    ahead = number.unsqueeze(2) - number.unsqueeze(1)
    seen = real.unsqueeze(2) & real.unsqueeze(1)
    if window_past is not None:
        seen = seen & (ahead <= window_past)
    if window_future is not None:
        seen = seen & (ahead >= -window_future)
    return seen
