"""Named tensors and a note about them, in one file that is either whole or absent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from affectkit.atomic_file import write_atomically

#: The one key of the metadata: several would be stored in an order that changes from run to run.
_KEY: Final = "affectkit"


class TensorFileError(ValueError):
    """A file holds no readable tensors, or its note cannot be written."""


def write_tensor_file(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], note: Mapping[str, object]
) -> int:
    """Write tensors as safetensors, whole or not at all; returns the size in bytes.

    Equal content gives equal files. Missing folders are made.

    Args:
        path: The file; what lies there is replaced.
        tensors: Tensors by name, of any device; two may share their memory.
        note: What they are, in values that JSON can hold.

    Raises:
        TensorFileError: If the note holds something that JSON cannot.

    Examples:
        >>> import torch
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     size = write_tensor_file(f"{folder}/a.safetensors", {"x": torch.ones(2)}, {"kind": "ones"})
        ...     read_tensor_file(f"{folder}/a.safetensors")
        ({'x': tensor([1., 1.])}, {'kind': 'ones'})
    """
    final = Path(path)
    try:
        text = json.dumps(dict(note), sort_keys=True, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise TensorFileError(
            f"{final} cannot hold what describes it ({error}): use plain values."
        ) from error
    plain = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    data = save(plain, {_KEY: text})
    final.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(final, data)
    return len(data)


def read_tensor_file(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Read tensors and their note, which is empty where somebody else wrote the file.

    Raises:
        FileNotFoundError: If there is no such file.
        TensorFileError: If it is no safetensors file, or its note is damaged.
    """
    place = Path(path)
    if not place.is_file():
        raise FileNotFoundError(f"there is no file {place}: give the path that was saved to.")
    try:
        with safe_open(place, framework="pt") as file:
            note: object = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise TensorFileError(f"{place} is no readable safetensors file ({error}): save it anew.") from error
    return tensors, {str(name): value for name, value in note.items()} if isinstance(note, dict) else {}
