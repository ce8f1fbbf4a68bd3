"""A folder that is built beside its place and swapped in when it is whole."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from affectkit.atomic_file import sync_folder
from affectkit.data.schema import ShardError
from affectkit.data.shards.manifest import MANIFEST_NAME

if sys.platform != "win32":
    import fcntl


@contextmanager
def build_folder(
    out: str | os.PathLike[str], *, overwrite: bool = False, resumable: bool = False
) -> Iterator[Path]:
    """Give a new folder to fill; at the end it becomes ``out``, on an error it is removed.

    It lies beside ``out`` on the same file system, so that taking its place is one rename. What a
    killed process left beside ``out`` is removed by the next one, while that of a process still
    running is left alone.

    Args:
        out: The folder to make.
        overwrite: Replace the data set that lies there. Anything else is never replaced.
        resumable: What a killed or interrupted process left for this ``out`` is given to the next
            one, which has to judge what of it is still right.

    Raises:
        ShardError: If ``out`` exists and must not be replaced, its parent is missing, or another
            process builds the same resumable folder.
    """
    target = Path(out).absolute()
    _refuse_loss(target, overwrite=overwrite)
    if not target.parent.is_dir():
        raise ShardError(
            f"The folder {target.parent} does not exist: make it first, or choose another place."
        )
    _sweep(target)
    scratch = target.with_name(f".{target.name}.making") if resumable else _beside(target, "partial")
    scratch.mkdir(exist_ok=resumable)
    with ExitStack() as stack:
        try:
            stack.enter_context(_held(scratch))
        except BlockingIOError as error:
            raise ShardError(f"Another process is making {target}: wait until it is done.") from error
        try:
            yield scratch
            sync_folder(scratch)
            swap_into_place(scratch, target, overwrite=overwrite)
        except BaseException as error:
            # An interruption is no fault of what is finished; an error may well be.
            if not resumable or isinstance(error, Exception):
                shutil.rmtree(scratch, ignore_errors=True)
            raise


def swap_into_place(built: Path, out: Path, *, overwrite: bool = False) -> None:
    """Rename ``built`` to ``out``; a data set that lies there is moved aside first, then removed.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.
    """
    _refuse_loss(out, overwrite=overwrite)
    if not out.exists():
        built.replace(out)
        sync_folder(out.parent)
        return
    aside = _beside(out, "replaced")
    out.replace(aside)
    try:
        built.replace(out)
    except BaseException:
        aside.replace(out)
        raise
    sync_folder(out.parent)
    shutil.rmtree(aside)


def _refuse_loss(out: Path, *, overwrite: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / MANIFEST_NAME).is_file():
        raise ShardError(f"{out} exists and is no data set of shards: choose another place.")
    if not overwrite:
        raise ShardError(f"{out} already holds a data set: choose another place, or pass --overwrite.")


def _beside(out: Path, what: str) -> Path:
    return out.with_name(f".{out.name}.{what}-{uuid.uuid4().hex[:12]}")


def _sweep(out: Path) -> None:
    for left in out.parent.glob(f".{out.name}.partial-*"):
        with suppress(OSError), _held(left):
            shutil.rmtree(left)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock of ``folder``; the system lets go of it when a process dies."""
    if sys.platform == "win32":
        raise OSError("folders cannot be locked here")
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
