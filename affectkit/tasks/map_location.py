"""Where the tensors of a checkpoint go when it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

#: What ``torch.load`` and Lightning take.
MapLocation: TypeAlias = (
    torch.device
    | str
    | int
    | Callable[[torch.UntypedStorage, str], torch.UntypedStorage | None]
    | dict[torch.device | str | int, torch.device | str | int]
    | None
)
