"""Random projections that are the same bits everywhere."""

from __future__ import annotations

import torch
from torch import Tensor


def random_signs(rows: int, columns: int, *, seed: int) -> Tensor:
    """A (rows, columns) float32 matrix of -1 and 1.

    Signs keep distances as well as normal numbers do, and need no logarithm or cosine, which
    processors round differently.
    """
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(0, 2, (rows, columns), generator=generator)
    return (2 * bits - 1).to(torch.float32)
