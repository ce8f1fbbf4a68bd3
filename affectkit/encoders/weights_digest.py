"""A short name for the numbers in a module."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def weights_digest(module: nn.Module) -> str:
    """First 16 hexadecimal digits of the SHA-256 over names, shapes, dtypes and bytes of the state dict.

    Examples:
        >>> one, two = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> weights_digest(one) == weights_digest(two)
        False
        >>> _ = two.load_state_dict(one.state_dict())
        >>> weights_digest(one) == weights_digest(two)
        True
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
