"""Arrays out of a pickle of somebody else, by a process that can do nothing but read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np

from affectkit.data.sources.source import SourceError

_CHILD: Final = Path(__file__).with_name("child.py")
_SPARE_MEMORY: Final = 2 * 2**30


@contextmanager
def convert_pickle(
    path: Path,
    *,
    kind: Literal["pickle", "npz"] = "pickle",
    seconds: int = 600,
    memory: int | None = None,
) -> Iterator[object]:
    """Give the content of a pickle as plain values and read-only memory-mapped arrays.

    The pickle is read in a process of its own, under limits of time and memory, by an unpickler that
    admits numpy's array constructors only; any other pickle is refused before anything in it runs.
    The arrays lie in a temporary folder and are gone when the context is left.

    Args:
        path: The file.
        kind: ``"npz"`` for a numpy archive whose members are pickled objects.
        seconds: Processor time, and waiting time, that reading may take.
        memory: Bytes of memory that it may take (default: thrice the file and 2 GiB).

    Raises:
        SourceError: If the file is absent, damaged, refused, or a limit is reached.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.") from error
    limit = 3 * size + _SPARE_MEMORY if memory is None else memory
    with tempfile.TemporaryDirectory(prefix="affectkit-unpickle-") as out:
        _run(path, [kind, str(path.absolute()), out, str(seconds), str(limit)], cwd=out, seconds=seconds)
        tree = cast(list[object], json.loads((Path(out) / "tree.json").read_bytes()))
        yield _value(tree, Path(out))


def _run(path: Path, arguments: list[str], *, cwd: str, seconds: int) -> None:
    # One thread: the pools of a linear algebra library would take up the address space.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_CHILD), *arguments],
            cwd=cwd,
            env=environment | threads,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            path, None, f"reading it takes over {seconds} seconds; do not use this pickle."
        ) from error
    if done.returncode == 0:
        return
    said = done.stdout.decode("utf-8", "replace").strip()
    reason = said if done.returncode == 3 and said else f"the reader ended with status {done.returncode}"
    raise SourceError(
        path,
        None,
        f"the pickle is refused: {reason}; only arrays, numbers and text are read, so export it as such.",
    )


def _value(node: list[object], folder: Path) -> object:
    tag, content = node
    if tag == "array":
        return np.load(folder / str(content), mmap_mode="r", allow_pickle=False)
    if tag == "dict":
        pairs = cast(list[tuple[str, list[object]]], content)
        return {name: _value(item, folder) for name, item in pairs}
    if tag == "list":
        return [_value(item, folder) for item in cast(list[list[object]], content)]
    return float.fromhex(str(content)) if tag == "float" else content
