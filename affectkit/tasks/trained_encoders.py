"""Encoders of a run into another task."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

#: What the names of encoders begin with in a checkpoint.
_PREFIX = "encoders."


def load_encoders(encoders: nn.ModuleDict, checkpoint: str | Path) -> None:
    """Take the weights of encoders from a checkpoint of a task that had the same ones.

    Args:
        encoders: Encoder of each modality; every weight of theirs must be in the file.
        checkpoint: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it does not hold the weights of these encoders.
    """
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(
            f"There is no checkpoint {str(checkpoint)!r} to take encoders from: give the file of a run, e.g. "
            "runs/NAME/latest/checkpoints/best.ckpt."
        )
    stored: object = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = stored.get("state_dict") if isinstance(stored, dict) else None
    found: dict[str, Tensor] = {
        name.removeprefix(_PREFIX): value for name, value in (state or {}).items() if name.startswith(_PREFIX)
    }
    own = encoders.state_dict()
    wrong = sorted(
        {*(own.keys() ^ found.keys())}
        | {name for name in own.keys() & found.keys() if own[name].shape != found[name].shape}
    )
    if wrong:
        raise ValueError(
            f"The checkpoint {str(checkpoint)!r} does not hold the encoders {', '.join(encoders)} of this "
            f"task (first at {wrong[0]!r}): build both tasks with the same inputs and options of encoders."
        )
    encoders.load_state_dict(found)
