"""Named tensors and a few strings in one file that is either whole or absent."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor


def write_tensors(path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> int:
    """Write beside ``path``, force it to the disk, rename it to ``path``; returns the size in bytes.

    The strings are stored in one order, so that equal content gives equal files.
    """
    path = Path(path)
    plain = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    data = save(plain, dict(sorted(metadata.items())))
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        with scratch.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return len(data)


def read_tensors(path: Path | str, *, expected: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and strings of a file whose ``format`` string is ``expected``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path that was saved to.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = dict(file.metadata() or {})
            if metadata.get("format") != expected:
                raise ValueError(
                    f"{path} holds {metadata.get('format', 'tensors of unknown use')!r}, not {expected!r}: "
                    "give a file that was saved for this."
                )
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file ({error}): save it anew.") from error
