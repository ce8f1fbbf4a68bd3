"""Random numbers of a training step that depend on its place alone."""

from __future__ import annotations

import numpy as np
import torch


def step_seed(seed: int, *, epoch: int, batch: int, rank: int) -> int:
    """Seed of one training step on one rank.

    Lightning stores no random state, so a run that is resumed would draw other dropout masks. Drawn
    from the place of the step, they are the same whether or not the run was interrupted.

    Args:
        seed: Seed of the run.
        epoch: Epoch, from 0.
        batch: Batch within the epoch, from 0.
        rank: Rank of the process; ranks hold different rows and need different masks.

    Examples:
        >>> step_seed(0, epoch=1, batch=2, rank=0) == step_seed(0, epoch=2, batch=1, rank=0)
        False
    """
    sequence = np.random.SeedSequence([abs(seed), int(seed < 0), epoch, batch, rank])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_step(seed: int, *, epoch: int, batch: int, rank: int) -> None:
    """Seed torch's generators on every device for one training step; see :func:`step_seed`."""
    torch.manual_seed(step_seed(seed, epoch=epoch, batch=batch, rank=rank))
