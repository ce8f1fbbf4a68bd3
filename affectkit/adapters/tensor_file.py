"""Named tensors and what they are, in one file that is either whole or absent."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

#: The one key of the metadata: several would be stored in an order that changes from run to run.
_KEY = "affectkit"


def write_tensors(
    path: Path | str, tensors: Mapping[str, Tensor], *, kind: str, about: Mapping[str, object]
) -> int:
    """Write beside ``path``, force it to the disk, rename it to ``path``; returns the size in bytes.

    Equal content gives equal files.

    Raises:
        ValueError: If ``about`` holds something that JSON cannot.
    """
    path = Path(path)
    try:
        text = json.dumps({"kind": kind, "about": about}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot hold what describes it ({error}): use plain values.") from error
    plain = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    data = save(plain, {_KEY: text})
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


def read_tensors(path: Path | str, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and what describes them from a file of :func:`write_tensors`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path that was saved to.")
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            if not isinstance(described, dict) or not isinstance(described.get("about"), dict):
                described = {}
            if described.get("kind") != kind:
                raise ValueError(
                    f"{path} holds {described.get('kind', 'tensors of unknown use')!r}, not {kind!r}: "
                    "give a file that was saved for this."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, described["about"]
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no readable safetensors file ({error}): save it anew.") from error
