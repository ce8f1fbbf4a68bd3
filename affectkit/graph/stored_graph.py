"""Label graphs and label vectors on disk: safetensors with a few strings, whole or absent."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from affectkit.graph.error import LabelGraphError

_KEY: Final = "affectkit"


def write_stored(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], strings: Mapping[str, str]
) -> None:
    """Write beside ``path``, force it to the disk, then rename it to ``path``."""
    final = Path(path)
    # One string: safetensors would write several in an order that changes from file to file.
    note = json.dumps(dict(strings), sort_keys=True, ensure_ascii=False)
    plain = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    scratch = final.with_name(f".{final.name}.{uuid.uuid4().hex[:12]}")
    try:
        with scratch.open("xb") as file:
            file.write(save(plain, {_KEY: note}))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(final)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def read_stored(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and strings of a file.

    Raises:
        LabelGraphError: If it is absent, or not a safetensors file.
    """
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            found: object = json.loads((file.metadata() or {}).get(_KEY, "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise LabelGraphError(
            f"{os.fspath(path)} cannot be read as safetensors ({error}): give a file that affectkit wrote."
        ) from error
    strings = found if isinstance(found, dict) else {}
    return tensors, {str(name): str(value) for name, value in strings.items()}
