"""Where a run keeps its checkpoint, and which task wrote it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import affectkit.tasks
from affectkit.tasks.affect_task import AffectTask

#: Which checkpoint of a run is taken, the first that is there.
NAMES: Final = ("best.ckpt", "last.ckpt")


def run_checkpoint(place: str | os.PathLike[str]) -> Path | None:
    """The checkpoint of a run: the best one, else the last; a file is taken as it is; None = there is none.

    Args:
        place: Checkpoint, run folder, its folder ``checkpoints``, or ``runs/NAME``, which is the
            latest run in it.
    """
    given = Path(place)
    if given.is_file():
        return given
    for folder in (given / "checkpoints", given / "latest" / "checkpoints", given):
        for name in NAMES:
            if (folder / name).is_file():
                return (folder / name).resolve()
    return None


def shipped_task(name: str) -> type[AffectTask] | None:
    """A public task of affectkit by the name that a checkpoint holds; None where it is none."""
    if not name.startswith("affectkit."):
        return None
    found: object = getattr(affectkit.tasks, name.rpartition(".")[2], None)
    return found if isinstance(found, type) and issubclass(found, AffectTask) else None
