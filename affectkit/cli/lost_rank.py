"""What the other processes of a run do when one of them is gone: fail within a time limit, and say why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy, ModelParallelStrategy, Strategy

from affectkit.distributed import world_size

#: What the backends say; they have no error type in common that says it.
_SIGNS = (
    "closed by peer",
    "reset by peer",
    "broken pipe",
    "connection refused",
    "timed out",
    "timeout",
    "remote process exited",
)


class LostRankError(RuntimeError):
    """Another process of the run died or fell silent."""


def limit_waiting(strategy: Strategy, *, minutes: float) -> None:
    """Let a process wait for the others that long, instead of torch's 30 minutes.

    Args:
        strategy: A strategy that Lightning chose; before it has made its process group.
        minutes: The limit of each collective operation.

    Raises:
        ValueError: If ``minutes`` is not positive.
    """
    if not minutes > 0:
        raise ValueError(f"timeout_minutes is {minutes}: give a number above 0.")
    if isinstance(strategy, (DDPStrategy, FSDPStrategy, ModelParallelStrategy)):
        # Known to Lightning as an argument of the strategy's constructor, which "auto" does not let one name.
        strategy._timeout = timedelta(minutes=minutes)


@contextmanager
def explained_loss() -> Iterator[None]:
    """Say in one sentence what a backend's error means for the run.

    Raises:
        LostRankError: In place of such an error.
    """
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if world_size() < 2 or not is_loss(said):
            raise
        reason = next(line for line in said.splitlines() if is_loss(line))[:200]
        raise LostRankError(
            f"Another process of this run died, or was silent for longer than --timeout_minutes ({reason}): "
            f"its own last lines say why (memory, disk, network); go on with the same command and "
            f"`--ckpt_path last`."
        ) from error


def is_loss(said: str) -> bool:
    """Whether a backend's words mean that another process is gone."""
    return any(sign in said.lower() for sign in _SIGNS)
