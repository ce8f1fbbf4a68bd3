"""One vector of a text from those of its tokens."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor

Pooling: TypeAlias = Literal["mean", "cls", "max"]
POOLINGS: Final[tuple[Pooling, ...]] = get_args(Pooling)


def pooled_tokens(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """Pool tokens (B, T, D) under ``mask`` (B, T) to (B, D); a row without a real token gives zeros.

    Args:
        hidden: States of the tokens.
        mask: True where a token is real.
        pooling: ``"mean"`` or ``"max"`` over real tokens, or ``"cls"``, the first token.

    Examples:
        >>> hidden = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> mask = torch.tensor([[True, True, False]])
        >>> [pooled_tokens(hidden, mask, pooling).item() for pooling in POOLINGS]
        [2.0, 1.0, 3.0]
    """
    real = mask.unsqueeze(-1)
    if pooling == "cls":
        return torch.where(real[:, 0], hidden[:, 0], 0.0)
    if pooling == "max":
        largest = hidden.masked_fill(~real, torch.finfo(hidden.dtype).min).amax(dim=1)
        return torch.where(real.any(dim=1), largest, 0.0)
    return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
